// SPDX-License-Identifier: Apache-2.0

package figures

import (
	"encoding/json"
	"fmt"
	"os"
)

// Read reads a set that Write has written.
func Read(path string) (*Set, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read figures: %w", err)
	}
	set := new(Set)
	if err := json.Unmarshal(text, set); err != nil {
		return nil, fmt.Errorf("read figures of %s: %w", path, err)
	}
	return set, nil
}

// Write writes the set to a file, as JSON.
func (s *Set) Write(path string) error {
	text, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return fmt.Errorf("encode figures: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	return nil
}
