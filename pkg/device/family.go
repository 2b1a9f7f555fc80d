// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"

	"golang.org/x/sys/unix"
)

// families are the address families of the table. A network namespace may lack one, for good or for
// now; the other works as ever.
var families = []int{unix.AF_INET, unix.AF_INET6}

func familyName(family int) string {
	if family == unix.AF_INET6 {
		return "IPv6"
	}
	return "IPv4"
}

// lacksFamily tells from an error of netlink that the kernel lacks an address family: it was built
// without IPv6, booted with ipv6.disable=1, or has not loaded its module.
func lacksFamily(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP)
}

// isOff tells from an error of making a route through an interface that the interface lacks the
// route's family for now: IPv6 is switched off (EACCES), or its MTU is too small (ENODEV). Who lacks
// the privilege gets EPERM.
func isOff(err error) bool {
	return lacksFamily(err) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENODEV)
}
