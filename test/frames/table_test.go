// SPDX-License-Identifier: Apache-2.0

package frames

import (
	"net/netip"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// table returns eroutes that distinguish packets by every field: nearly each protocol, many ports and some
// prefixes have one, of any kind.
func (r *random) table() (*eroute.Linear, []eroute.Change) {
	reference := &eroute.Linear{}
	changes := []eroute.Change{{Op: eroute.OpClear}}
	add := func(s eroute.Selector) {
		said := r.said(s.Src.Addr().Is6())
		if reference.Add(s, said) == nil {
			changes = append(changes, eroute.Change{Op: eroute.OpAdd, Selector: s, SAID: said})
		}
	}
	for _, all := range []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")} {
		for proto := range 255 {
			if !r.oneIn(8) {
				add(eroute.Selector{Src: all, Dst: all, Proto: uint8(1 + proto)})
			}
		}
		for _, proto := range []uint8{6, 17} {
			for _, port := range ports {
				add(eroute.Selector{Src: all, Dst: all, Proto: proto, SrcPort: port})
				add(eroute.Selector{Src: all, Dst: all, Proto: proto, DstPort: port})
				add(eroute.Selector{Src: all, Dst: all, Proto: proto, SrcPort: port, DstPort: pick(r, ports...)})
			}
		}
	}
	for range 40 {
		v6 := r.oneIn(2)
		src := pick(r, r.source(v6), own(v6))
		s := eroute.Selector{Src: prefix(src, r.IntN(src.BitLen()+1)), Dst: prefix(r.destination(v6), r.IntN(src.BitLen()+1))}
		if r.oneIn(2) {
			s.Proto = r.proto()
		}
		add(s)
	}
	return reference, changes
}

func own(v6 bool) netip.Addr {
	if v6 {
		return own6
	}
	return own4
}

func prefix(a netip.Addr, bits int) netip.Prefix { return netip.PrefixFrom(a, bits).Masked() }

// said is a random SAID. An SA may have the packets' own destination.
func (r *random) said(v6 bool) eroute.SAID {
	peer := pick(r, lab.WestLAN4.Addr().Next(), r.lab.West.WAN4)
	if v6 {
		peer = pick(r, lab.WestLAN6.Addr().Next(), r.lab.West.WAN6)
	}
	return pick(r, eroute.Drop, eroute.Reject, eroute.Pass, eroute.Hold, eroute.Trap, eroute.TrapSubnet, eroute.XFRM,
		eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x135, Dst: peer})
}
