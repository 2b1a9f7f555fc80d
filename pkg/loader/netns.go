// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// NetnsCookie returns the cookie of the calling thread's network namespace. It is unique until the next boot:
// unlike the inode number, it is never reused (socket(7), SO_NETNS_COOKIE).
func NetnsCookie() (uint64, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("socket: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if err != nil {
		return 0, fmt.Errorf("read network namespace cookie: %w", err)
	}
	return cookie, nil
}
