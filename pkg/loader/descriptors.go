// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// needDescriptors is more than the number of file descriptors needed to create a table or to load any program.
const needDescriptors = 64

// CheckDescriptors returns an error that is EMFILE or ENFILE if there are not enough file descriptors to create
// a table or to load a program. Without them, probes of kernel features report supported features as missing.
func CheckDescriptors() error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("reserve file descriptors: %w", err)
	}
	defer func() { _ = null.Close() }()
	for range needDescriptors {
		fd, err := unix.FcntlInt(null.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("reserve %d file descriptors: %w", needDescriptors, err)
		}
		defer func() { _ = unix.Close(fd) }()
	}
	return nil
}
