// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"
)

// Families is a set of address families.
type Families uint8

// The members of a set.
const (
	IPv4 Families = 1 << iota
	IPv6
)

// each are the sets of one family, in processing order.
var each = [...]Families{IPv4, IPv6}

// FamilyOf returns the set of the family of addr; an IPv4-mapped address is IPv6. It returns the empty set for
// the zero Addr.
func FamilyOf(addr netip.Addr) Families {
	switch {
	case addr.Is4():
		return IPv4
	case addr.Is6():
		return IPv6
	}
	return 0
}

// String returns "IPv4", "IPv6", "IPv4+IPv6" or "none".
func (f Families) String() string {
	var names []string
	if f&IPv4 != 0 {
		names = append(names, "IPv4")
	}
	if f&IPv6 != 0 {
		names = append(names, "IPv6")
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, "+")
}

// af returns the AF_ number of a set of one family.
func (f Families) af() uint16 {
	if f == IPv4 {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// familiesFromAF returns the set for AF_INET or AF_INET6, and the empty set for other numbers.
func familiesFromAF(af uint16) Families {
	switch af {
	case unix.AF_INET:
		return IPv4
	case unix.AF_INET6:
		return IPv6
	}
	return 0
}
