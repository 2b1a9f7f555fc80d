// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Drift returns the settings under net that differ from those that Attach made for the ipsec device.
func Drift(virtual string) (changed []string, err error) {
	for _, s := range settings {
		name := fmt.Sprintf(s.path, virtual)
		value, err := os.ReadFile(filepath.Join("/proc/sys/net", name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read setting: %w", err)
		}
		if is := strings.TrimSpace(string(value)); is != s.value {
			changed = append(changed, fmt.Sprintf("net.%s is %s, not %s", strings.ReplaceAll(name, "/", "."), is, s.value))
		}
	}
	return changed, nil
}

// restoreSettings restores the settings that [Drift] returns.
func restoreSettings(virtual string) error {
	changed, err := Drift(virtual)
	if err != nil || len(changed) == 0 {
		return err
	}
	return applySettings(virtual)
}
