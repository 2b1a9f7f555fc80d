// SPDX-License-Identifier: Apache-2.0

package abi

import (
	"net/netip"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// EntryKey is an eroute's key in the trie of its family: *bpf.ABIErouteKey4 or *bpf.ABIErouteKey6.
type EntryKey any

// SourceKey is a source prefix's key in the trie of its family.
type SourceKey any

// NewEntryKey returns the key of the eroute with exactly this selector.
func NewEntryKey(s eroute.Selector) EntryKey {
	if s.Src.Addr().Is4() {
		k := EntryKey4(s)
		return &k
	}
	k := EntryKey6(s)
	return &k
}

// EntryKey4 is NewEntryKey for IPv4.
func EntryKey4(s eroute.Selector) bpf.ABIErouteKey4 {
	return bpf.ABIErouteKey4{
		Prefixlen:   uint32(bpf.ABILimitsKEY4FIXED_BITS) + uint32(s.Dst.Bits()),
		Src:         s.Src.Addr().As4(),
		SrcHostbits: uint8(32 - s.Src.Bits()),
		Proto:       s.Proto,
		Sport:       BEPort(s.SrcPort),
		Dport:       BEPort(s.DstPort),
		Dst:         s.Dst.Addr().As4(),
	}
}

// EntryKey6 is NewEntryKey for IPv6.
func EntryKey6(s eroute.Selector) bpf.ABIErouteKey6 {
	return bpf.ABIErouteKey6{
		Prefixlen:   uint32(bpf.ABILimitsKEY6FIXED_BITS) + uint32(s.Dst.Bits()),
		Src:         s.Src.Addr().As16(),
		SrcHostbits: uint8(128 - s.Src.Bits()),
		Proto:       s.Proto,
		Sport:       BEPort(s.SrcPort),
		Dport:       BEPort(s.DstPort),
		Dst:         s.Dst.Addr().As16(),
	}
}

// NewSourceKey returns the key of exactly this source prefix.
func NewSourceKey(p netip.Prefix) SourceKey {
	if p.Addr().Is4() {
		k := SourceKey4(p)
		return &k
	}
	k := SourceKey6(p)
	return &k
}

// SourceKey4 is NewSourceKey for IPv4.
func SourceKey4(p netip.Prefix) bpf.ABISrcKey4 {
	return bpf.ABISrcKey4{Prefixlen: uint32(p.Bits()), Addr: p.Addr().As4()}
}

// SourceKey6 is NewSourceKey for IPv6.
func SourceKey6(p netip.Prefix) bpf.ABISrcKey6 {
	return bpf.ABISrcKey6{Prefixlen: uint32(p.Bits()), Addr: p.Addr().As16()}
}

// Selector4 returns the selector of a key.
func Selector4(k *bpf.ABIErouteKey4) eroute.Selector {
	return eroute.Selector{
		Src:     netip.PrefixFrom(netip.AddrFrom4(k.Src), 32-int(k.SrcHostbits)),
		Dst:     netip.PrefixFrom(netip.AddrFrom4(k.Dst), int(k.Prefixlen)-int(bpf.ABILimitsKEY4FIXED_BITS)),
		Proto:   k.Proto,
		SrcPort: BEPort(k.Sport),
		DstPort: BEPort(k.Dport),
	}
}

// Selector6 returns the selector of a key.
func Selector6(k *bpf.ABIErouteKey6) eroute.Selector {
	return eroute.Selector{
		Src:     netip.PrefixFrom(netip.AddrFrom16(k.Src), 128-int(k.SrcHostbits)),
		Dst:     netip.PrefixFrom(netip.AddrFrom16(k.Dst), int(k.Prefixlen)-int(bpf.ABILimitsKEY6FIXED_BITS)),
		Proto:   k.Proto,
		SrcPort: BEPort(k.Sport),
		DstPort: BEPort(k.Dport),
	}
}

// TupleOf returns which of protocol and ports a selector sets.
func TupleOf(s eroute.Selector) bpf.ABIErouteTuple {
	switch {
	case s.SrcPort != 0 && s.DstPort != 0:
		return bpf.ABIErouteTupleTUPLE_SPORT_DPORT
	case s.SrcPort != 0:
		return bpf.ABIErouteTupleTUPLE_SPORT
	case s.DstPort != 0:
		return bpf.ABIErouteTupleTUPLE_DPORT
	case s.Proto != 0:
		return bpf.ABIErouteTupleTUPLE_PROTO
	}
	return bpf.ABIErouteTupleTUPLE_ANY
}
