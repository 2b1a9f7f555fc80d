// SPDX-License-Identifier: Apache-2.0

// Package testroot finds files of the source tree for tests.
package testroot

import (
	"fmt"
	"os"
	"path/filepath"
)

// Path returns the path of a file of the source tree. A test runs in the folder of its package, also in a VM; the
// binary does not contain the path, as it is built with -trimpath.
func Path(elem ...string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return filepath.Join(append([]string{at}, elem...)...), nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s: not in the source tree", dir)
		}
	}
}
