// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"errors"
	"fmt"
	"net/netip"
)

// Family is an address family, with Linux's numbers. Zero: not given.
type Family uint8

// The address families of eroutes.
const (
	Inet  Family = 2  // AF_INET
	Inet6 Family = 10 // AF_INET6
)

// FamilyOf returns the family of an address: Inet6 for an IPv4-mapped IPv6 address, 0 for the zero Addr.
func FamilyOf(addr netip.Addr) Family {
	switch {
	case addr.Is4():
		return Inet
	case addr.Is6():
		return Inet6
	}
	return 0
}

// ParseFamily parses "inet" and "inet6", the values of --eraf and --af.
func ParseFamily(text string) (Family, error) {
	switch text {
	case "inet":
		return Inet, nil
	case "inet6":
		return Inet6, nil
	}
	return 0, refuse(text, errors.New("address family must be inet or inet6"))
}

// String returns the name that [ParseFamily] accepts.
func (f Family) String() string {
	switch f {
	case Inet:
		return "inet"
	case Inet6:
		return "inet6"
	}
	return fmt.Sprintf("family(%d)", uint8(f))
}

// version returns the family's name in messages.
func (f Family) version() string {
	if f == Inet6 {
		return "IPv6"
	}
	return "IPv4"
}

// network returns the family's network name for a [Resolver].
func (f Family) network() string {
	if f == Inet6 {
		return "ip6"
	}
	return "ip4"
}

// bits returns the length of an address in bits.
func (f Family) bits() int {
	if f == Inet6 {
		return 128
	}
	return 32
}
