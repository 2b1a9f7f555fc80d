// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"net/netip"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// rowKey is an eroute's key in the trie of its family: *bpf.ABIErouteKey4 or *bpf.ABIErouteKey6.
type rowKey any

// srcKey is a source prefix's key in the trie of its family.
type srcKey any

// newRowKey returns the key that names exactly this selector.
func newRowKey(s eroute.Selector) rowKey {
	if s.Src.Addr().Is4() {
		k := rowKey4(s)
		return &k
	}
	k := rowKey6(s)
	return &k
}

func rowKey4(s eroute.Selector) bpf.ABIErouteKey4 {
	return bpf.ABIErouteKey4{
		Prefixlen:   uint32(bpf.ABILimitsKEY4FIXED_BITS) + uint32(s.Dst.Bits()),
		Src:         s.Src.Addr().As4(),
		SrcHostbits: uint8(32 - s.Src.Bits()),
		Proto:       s.Proto,
		Sport:       bePort(s.SrcPort),
		Dport:       bePort(s.DstPort),
		Dst:         s.Dst.Addr().As4(),
	}
}

func rowKey6(s eroute.Selector) bpf.ABIErouteKey6 {
	return bpf.ABIErouteKey6{
		Prefixlen:   uint32(bpf.ABILimitsKEY6FIXED_BITS) + uint32(s.Dst.Bits()),
		Src:         s.Src.Addr().As16(),
		SrcHostbits: uint8(128 - s.Src.Bits()),
		Proto:       s.Proto,
		Sport:       bePort(s.SrcPort),
		Dport:       bePort(s.DstPort),
		Dst:         s.Dst.Addr().As16(),
	}
}

func newSrcKey(p netip.Prefix) srcKey {
	if p.Addr().Is4() {
		k := srcKey4(p)
		return &k
	}
	k := srcKey6(p)
	return &k
}

func srcKey4(p netip.Prefix) bpf.ABISrcKey4 {
	return bpf.ABISrcKey4{Prefixlen: uint32(p.Bits()), Addr: p.Addr().As4()}
}

func srcKey6(p netip.Prefix) bpf.ABISrcKey6 {
	return bpf.ABISrcKey6{Prefixlen: uint32(p.Bits()), Addr: p.Addr().As16()}
}

func selector4(k *bpf.ABIErouteKey4) eroute.Selector {
	return eroute.Selector{
		Src:     netip.PrefixFrom(netip.AddrFrom4(k.Src), 32-int(k.SrcHostbits)),
		Dst:     netip.PrefixFrom(netip.AddrFrom4(k.Dst), int(k.Prefixlen)-int(bpf.ABILimitsKEY4FIXED_BITS)),
		Proto:   k.Proto,
		SrcPort: bePort(k.Sport),
		DstPort: bePort(k.Dport),
	}
}

func selector6(k *bpf.ABIErouteKey6) eroute.Selector {
	return eroute.Selector{
		Src:     netip.PrefixFrom(netip.AddrFrom16(k.Src), 128-int(k.SrcHostbits)),
		Dst:     netip.PrefixFrom(netip.AddrFrom16(k.Dst), int(k.Prefixlen)-int(bpf.ABILimitsKEY6FIXED_BITS)),
		Proto:   k.Proto,
		SrcPort: bePort(k.Sport),
		DstPort: bePort(k.Dport),
	}
}

// shape tells which of protocol and ports a selector names.
func shape(s eroute.Selector) bpf.ABIErouteTuple {
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
