// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/lookup"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// grouped is a table with one eroute of each family, both with the same group of SAs, whose states exist.
type grouped struct {
	*Table
	model *model
	group eroute.SAID
	flows int // that members uses
}

func newGrouped(t *testing.T, spread eroute.Spread, members ...eroute.SAID) *grouped {
	t.Helper()
	return newGroupedBy(t, groupOf(t, spread, members...))
}

func newGroupedBy(t *testing.T, group eroute.SAID) *grouped {
	t.Helper()
	g := &grouped{model: newModel(t), group: group, flows: 8000}
	g.Table = newTable(t)
	for _, m := range g.group.SAs() {
		g.model.add(m, xfrm.ModeTunnel, xfrm.IPv4|xfrm.IPv6, 0)
	}
	mustApply(t, g.Table, &eroute.Linear{}, add(sel("10.1.0.0/16", "10.2.0.0/16"), g.group), add(sel("2001:db8:1::/48", "2001:db8:2::/48"), g.group))
	return g
}

// members returns the SA of each flow, as the program chooses it.
func (g *grouped) members(t *testing.T, v6 bool) []eroute.SAID {
	t.Helper()
	all := make([]eroute.SAID, g.flows)
	for i := range all {
		p := eroute.Packet{
			Src: netip.AddrFrom4([4]byte{10, 1, byte(i >> 6), 1}), Dst: netip.MustParseAddr("10.2.0.1"),
			Proto: 17, SrcPort: uint16(1000 + i&63), DstPort: 53,
		}
		if v6 {
			p.Src, p.Dst = netip.MustParseAddr(fmt.Sprintf("2001:db8:1::%x", i>>6)), netip.MustParseAddr("2001:db8:2::1")
		}
		var err error
		if all[i], err = g.Member(p, g.group, 0); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// checkShares checks that each SA has its share of the flows, within 10 %.
func checkShares(t *testing.T, flows []eroute.SAID, shares map[eroute.SAID]int) {
	t.Helper()
	have, sum := map[eroute.SAID]int{}, 0
	for _, sa := range flows {
		have[sa]++
	}
	for _, share := range shares {
		sum += share
	}
	if len(have) != len(shares) {
		t.Errorf("flows go to %v, want %v", have, shares)
	}
	for sa, share := range shares {
		if want := len(flows) * share / sum; have[sa] < want*9/10 || have[sa] > want*11/10 {
			t.Errorf("%s has %d flows, want about %d", sa, have[sa], want)
		}
	}
}

// TestGroupFlow checks that flows are shared out evenly or by weight, that a flow stays with its SA, and that an SA that
// goes moves only its own flows, which the others share.
func TestGroupFlow(t *testing.T) {
	a, b, c := sa(eroute.ProtoESP, 0x1001), sa(eroute.ProtoESP, 0x1002), sa(eroute.ProtoESP, 0x1003)
	for _, v6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("v6 %t", v6), func(t *testing.T) {
			g := newGrouped(t, eroute.SpreadFlow, c, b, c, a)
			g.flows = 20000
			before := g.members(t, v6)
			checkShares(t, before, map[eroute.SAID]int{a: 1, b: 1, c: 2})
			g.model.del(t, g.Table, c)
			without := g.members(t, v6)
			checkShares(t, without, map[eroute.SAID]int{a: 1, b: 1})
			for i, was := range before {
				if was != c && without[i] != was {
					t.Fatalf("flow %d moved from %s to %s, though its SA is there", i, was, without[i])
				}
			}
			g.model.add(c, xfrm.ModeTunnel, xfrm.IPv4|xfrm.IPv6, 0)
			if err := g.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			for i, now := range g.members(t, v6) {
				if now != before[i] {
					t.Fatalf("flow %d is with %s, and was with %s before its SA went and came back", i, now, before[i])
				}
			}
			checkDerived(t, g.Table)
		})
	}
}

// TestGroupFailover checks that all flows go to the first SA that exists.
func TestGroupFailover(t *testing.T) {
	a, b := sa(eroute.ProtoESP, 0x1001), sa(eroute.ProtoESP, 0x1002)
	g := newGrouped(t, eroute.SpreadFailover, a, b)
	all := func(want eroute.SAID) {
		t.Helper()
		for _, v6 := range []bool{false, true} {
			checkShares(t, g.members(t, v6), map[eroute.SAID]int{want: 1})
		}
	}
	all(a)
	g.model.del(t, g.Table, a)
	all(b)
	if ready, err := g.SAReady(g.group); !ready || err != nil {
		t.Errorf("the group is not ready: %v", err)
	}
	g.model.add(a, xfrm.ModeTunnel, xfrm.IPv4|xfrm.IPv6, 0)
	if err := g.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	all(a)
	g.model.del(t, g.Table, a)
	g.model.del(t, g.Table, b)
	if ready, err := g.SAReady(g.group); ready || err != nil {
		t.Errorf("the group is ready without SAs: %v", err)
	}
	if stats, err := g.Stats(); err != nil || stats.SAs != 2 || stats.SAsMissing != 2 {
		t.Errorf("%d SAs, %d missing, %v", stats.SAs, stats.SAsMissing, err)
	}
	checkDerived(t, g.Table)
}

// TestGroupMost checks a group of the most SAs, and that eroutes with the same group share it.
func TestGroupMost(t *testing.T) {
	members, shares := make([]eroute.SAID, eroute.MaxMembers), map[eroute.SAID]int{}
	for i := range members {
		members[i] = sa(eroute.ProtoESP, uint32(0x1000+i))
		shares[members[i]] = 1
	}
	g := newGrouped(t, eroute.SpreadFlow, members...)
	counts := map[eroute.SAID]int{}
	for _, sa := range g.members(t, false) {
		counts[sa]++
	}
	if len(counts) != len(members) {
		t.Errorf("%d SAs have flows, want %d", len(counts), len(members))
	}
	for i := range 100 {
		mustApply(t, g.Table, &eroute.Linear{}, eroute.Change{Op: eroute.OpReplace, Selector: nth(i), SAID: g.group})
	}
	checkDerived(t, g.Table)
	if _, err := g.Restore(t.Context(), inTurn(nil), true); err != nil {
		t.Fatal(err)
	}
	checkDerived(t, g.Table)
}

// TestGroupFragments checks that all fragments of a packet go to the same SA: only the first one has ports.
func TestGroupFragments(t *testing.T) {
	g := newGrouped(t, eroute.SpreadFlow, sa(eroute.ProtoESP, 0x1001), sa(eroute.ProtoESP, 0x1002))
	const more, second = 0x2000, 185 // IPv4: flag, offset in units of 8 bytes
	for port := range uint16(64) {
		p4 := eroute.Packet{Src: netip.MustParseAddr("10.1.0.1"), Dst: netip.MustParseAddr("10.2.0.1"), Proto: 17, SrcPort: 1000 + port, DstPort: 53}
		p6 := p4
		p6.Src, p6.Dst = netip.MustParseAddr("2001:db8:1::1"), netip.MustParseAddr("2001:db8:2::1")
		slots := map[uint32]bool{}
		for _, offset := range []uint16{more, more | second, 2 * second} {
			slots[g.slotOf(t, p4, func(frame []byte) []byte {
				binary.BigEndian.PutUint16(frame[14+6:], offset)
				return frame
			})] = true
		}
		slots6 := map[uint32]bool{}
		for _, offset := range []uint16{1, second<<3 | 1, 2 * second << 3} {
			slots6[g.slotOf(t, p6, func(frame []byte) []byte {
				const end = 14 + 40
				header := binary.BigEndian.AppendUint16([]byte{17, 0}, offset)
				frame[14+6] = 44 // fragment header
				frame[14+5] += 8
				return slices.Concat(frame[:end], header, make([]byte, 4), frame[end:])
			})] = true
		}
		if len(slots) != 1 || len(slots6) != 1 {
			t.Fatalf("port %d: fragments go to %d SAs, of IPv6 to %d", port, len(slots), len(slots6))
		}
	}
}

// slotOf returns the slot of the SA of a packet whose frame was changed.
func (g *grouped) slotOf(t *testing.T, p eroute.Packet, change func([]byte) []byte) uint32 {
	t.Helper()
	frame, err := lookup.Frame(p)
	if err != nil {
		t.Fatal(err)
	}
	found, err := g.lookup.Run(change(frame), p)
	if err != nil || found.Status != bpf.ABILookupStatusLOOKUP_FOUND {
		t.Fatalf("%+v, %v", found, err)
	}
	return found.SA
}
