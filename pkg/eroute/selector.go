// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"fmt"
	"net/netip"
)

// Selector defines the packets that an eroute matches. At most one eroute has a given selector. It is
// comparable: prefixes have no host bits set.
type Selector struct {
	Src, Dst         netip.Prefix
	Proto            uint8  // IP protocol number; 0: all
	SrcPort, DstPort uint16 // host byte order; 0: all
}

// Family returns the address family of the selector's source.
func (s Selector) Family() Family { return FamilyOf(s.Src.Addr()) }

// Validate checks that a table can hold the selector. If not, it returns [ErrBadPrefix], [ErrMixedFamilies] or
// [ErrPortProtocol].
func (s Selector) Validate() error {
	for _, p := range []netip.Prefix{s.Src, s.Dst} {
		if !p.IsValid() || p != p.Masked() {
			return fmt.Errorf("check prefix %s: %w", p, ErrBadPrefix)
		}
	}
	if FamilyOf(s.Src.Addr()) != FamilyOf(s.Dst.Addr()) {
		return fmt.Errorf("check %s -> %s: %w", s.Src, s.Dst, ErrMixedFamilies)
	}
	if (s.SrcPort != 0 || s.DstPort != 0) && !hasPorts(s.Proto) {
		return fmt.Errorf("check ports with protocol %d: %w", s.Proto, ErrPortProtocol)
	}
	return nil
}

// Matches reports whether the packet matches the selector. IPv4 never matches IPv6, not even an IPv4-mapped
// address.
func (s Selector) Matches(p Packet) bool {
	return s.Src.Contains(p.Src) && s.Dst.Contains(p.Dst) &&
		(s.Proto == 0 || s.Proto == p.Proto) &&
		(s.SrcPort == 0 || s.SrcPort == p.SrcPort) &&
		(s.DstPort == 0 || s.DstPort == p.DstPort)
}

// Contains reports whether all packets that t matches match s.
func (s Selector) Contains(t Selector) bool {
	return ContainsPrefix(s.Src, t.Src) && ContainsPrefix(s.Dst, t.Dst) &&
		(s.Proto == 0 || s.Proto == t.Proto) &&
		(s.SrcPort == 0 || s.SrcPort == t.SrcPort) &&
		(s.DstPort == 0 || s.DstPort == t.DstPort)
}

// ContainsPrefix reports whether all addresses of inner are in outer. Returns false if one is invalid.
func ContainsPrefix(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Overlaps(inner)
}

// hasPorts reports whether eroutes of the protocol can have ports.
func hasPorts(proto uint8) bool { return proto == ProtoTCP || proto == ProtoUDP }
