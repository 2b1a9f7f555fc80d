// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Share makes a directory or pin in bpffs readable by its group and writable only by its owner. The group is
// that of the parent directory if that has the set-group-ID bit, else that of the process, see
// docs/privileges.md.
func Share(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	mode := (st.Mode() | 0o040) &^ 0o027
	if st.IsDir() {
		mode |= 0o010
	}
	if mode == st.Mode() {
		return nil
	}
	if err := os.Chmod(path, mode); err != nil {
		return fmt.Errorf("share with group: %w", err)
	}
	return nil
}

// PrivateName is a directory in the pin directory that only its owner can access.
const PrivateName = "relay"

// shareAll is Share for a directory and its content.
func shareAll(path string) error {
	return filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Name() == PrivateName {
			return filepath.SkipDir
		}
		return Share(path)
	})
}
