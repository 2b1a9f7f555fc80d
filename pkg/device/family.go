// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"

	"golang.org/x/sys/unix"
)

// families are the address families of the table. A network namespace may lack one, permanently or temporarily;
// the other works regardless.
var families = []int{unix.AF_INET, unix.AF_INET6}

func familyName(family int) string {
	if family == unix.AF_INET6 {
		return "IPv6"
	}
	return "IPv4"
}

// lacksFamily reports whether a netlink error means that the kernel lacks the address family: it was built
// without IPv6, booted with ipv6.disable=1, or has not loaded the module.
func lacksFamily(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP)
}

// isOff reports whether an error of adding a route means that its interface lacks the address family at
// present: IPv6 is disabled (EACCES), or the MTU is too small (ENODEV). A missing privilege is EPERM instead.
func isOff(err error) bool {
	return lacksFamily(err) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENODEV)
}
