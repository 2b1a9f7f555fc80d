// SPDX-License-Identifier: Apache-2.0

// Package ifname returns the names of interfaces. [net.InterfaceByIndex] dumps all interfaces to find one.
package ifname

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Lookup returns the name of an interface of the thread's network namespace, as if_indextoname(3) does. The
// error is ENODEV if there is none.
func Lookup(ifindex int) (string, error) {
	name, err := lookup(ifindex)
	if err != nil {
		return "", fmt.Errorf("look up the name of interface %d: %w", ifindex, err)
	}
	return name, nil
}

func lookup(ifindex int) (string, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = unix.Close(fd) }()
	req, err := unix.NewIfreq("")
	if err != nil {
		return "", err
	}
	req.SetUint32(uint32(ifindex))
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFNAME, req); err != nil {
		return "", err
	}
	return req.Name(), nil
}

// Text returns the name of an interface, or "interface N" if it has none, such as a deleted one.
func Text(ifindex int) string {
	name, err := Lookup(ifindex)
	if err != nil {
		return fmt.Sprintf("interface %d", ifindex)
	}
	return name
}
