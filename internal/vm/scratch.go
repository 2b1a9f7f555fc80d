// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"fmt"
	"io"
	"os"
)

// scratch is a directory of the host that the guest may write to.
type scratch string

func newScratch() (scratch, error) {
	dir, err := os.MkdirTemp("", "eroute-vm-scratch-")
	if err != nil {
		return "", fmt.Errorf("create scratch directory: %w", err)
	}
	return scratch(dir), nil
}

// close removes the directory if the guest left nothing in it, else prints its path.
func (s scratch) close(log io.Writer) {
	if os.Remove(string(s)) != nil {
		fmt.Fprintf(log, "vm: files from the VM are in %s\n", s)
	}
}
