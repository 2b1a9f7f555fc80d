// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/lookup"
	"github.com/ipsec-eroute/eroute/pkg/sas"
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
		if all[i], err = g.Member(p, g.group); err != nil {
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

// TestGroupTrap checks a group that ends with %trap: its packets match the %trap while none of its SAs can be used, its
// flows survive a repair, and end when an SA can be used again.
func TestGroupTrap(t *testing.T) {
	a, b := sa(eroute.ProtoESP, 0x1001), sa(eroute.ProtoESP, 0x1002)
	for _, spread := range []eroute.Spread{eroute.SpreadFlow, eroute.SpreadFailover} {
		t.Run(spread.String(), func(t *testing.T) {
			g := newGrouped(t, spread, a, b, eroute.Trap)
			params := eroute.DefaultAcquire
			params.ReqID = 7
			mustApply(t, g.Table, &eroute.Linear{}, eroute.Change{Op: eroute.OpReplace, Selector: sel("10.1.0.0/16", "10.2.0.0/16"), SAID: g.group, Acquire: params})
			only := func(want eroute.SAID) {
				t.Helper()
				for _, v6 := range []bool{false, true} {
					checkShares(t, g.members(t, v6), map[eroute.SAID]int{want: 1})
				}
			}
			g.model.del(t, g.Table, a)
			only(b)
			g.model.del(t, g.Table, b)
			only(eroute.Trap)

			trap, flow := sel("10.1.0.0/16", "10.2.0.0/16"), sel("10.1.0.1/32", "10.2.0.1/32")
			hold := func() {
				t.Helper()
				value, _, err := g.gen.Entry(trap)
				if err != nil {
					t.Fatal(err)
				}
				makeHold(t, g.Table, flow, abi.Entry{Selector: trap, Value: *value})
			}
			holds := func(want int) {
				t.Helper()
				if flows, err := g.Flows(); err != nil || len(flows) != want || want == 1 && flows[0].Trap != trap {
					t.Errorf("flows %v, %v, want %d", flows, err, want)
				}
				if got, err := g.AcquireParams(trap); err != nil || got != params {
					t.Errorf("acquire parameters %+v, %v", got, err)
				}
			}
			hold()
			*g.Table = *reopen(t, g.Table)
			if err := g.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			holds(1)
			g.model.add(b, xfrm.ModeTunnel, xfrm.IPv4|xfrm.IPv6, 0)
			if err := g.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			holds(0)
			only(b)

			hold()
			params = eroute.DefaultAcquire
			mustApply(t, g.Table, &eroute.Linear{}, eroute.Change{Op: eroute.OpReplace, Selector: trap, SAID: b})
			holds(0)
			checkDerived(t, g.Table)
		})
	}
}

// TestGroupAside checks an SA that is set aside: no group uses it, other members take its flows and no others, eroutes
// with this SA alone still use it, and it stays so over repairs, syncs and restores.
func TestGroupAside(t *testing.T) {
	a, b, c := sa(eroute.ProtoESP, 0x1001), sa(eroute.ProtoESP, 0x1002), sa(eroute.ProtoESP, 0x1003)
	g := newGrouped(t, eroute.SpreadFlow, a, b, c)
	failover := groupOf(t, eroute.SpreadFailover, a, b)
	alone := sel("10.3.0.0/16", "10.4.0.0/16")
	mustApply(t, g.Table, &eroute.Linear{}, add(sel("10.5.0.0/16", "10.6.0.0/16"), failover), add(alone, a))
	set := func(said eroute.SAID, aside bool, want int) {
		t.Helper()
		if n, err := g.SetAside(said, aside); err != nil || n != want {
			t.Errorf("set %s aside, %t: %d eroutes have it alone, %v, want %d", said, aside, n, err, want)
		}
	}
	memberOf := func(src, dst string, group eroute.SAID) eroute.SAID {
		t.Helper()
		said, err := g.Member(eroute.Packet{Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), Proto: 1}, group)
		if err != nil {
			t.Fatal(err)
		}
		return said
	}
	before := g.members(t, false)
	set(a, true, 1)
	for range 2 {
		without := g.members(t, false)
		checkShares(t, without, map[eroute.SAID]int{b: 1, c: 1})
		for i, was := range before {
			if was != a && without[i] != was {
				t.Fatalf("flow %d moved from %s to %s, though its SA is not set aside", i, was, without[i])
			}
		}
		if got := memberOf("10.5.0.1", "10.6.0.1", failover); got != b {
			t.Errorf("failover uses %s, want %s", got, b)
		}
		if got := memberOf("10.3.0.1", "10.4.0.1", a); got != a {
			t.Errorf("the eroute with %s alone uses %s", a, got)
		}
		g.model.del(t, g.Table, a)
		g.model.add(a, xfrm.ModeTunnel, xfrm.IPv4|xfrm.IPv6, 0)
		*g.Table = *reopen(t, g.Table)
		if err := g.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		eroutes := []eroute.Change{add(sel("10.1.0.0/16", "10.2.0.0/16"), g.group), add(sel("10.5.0.0/16", "10.6.0.0/16"), failover), add(alone, a)}
		if _, err := g.Restore(t.Context(), inTurn(nil, eroutes...), true); err != nil {
			t.Fatal(err)
		}
	}
	set(b, true, 0)
	if got := memberOf("10.5.0.1", "10.6.0.1", failover); got != (eroute.SAID{}) {
		t.Errorf("failover uses %s, though all its SAs are set aside", got)
	}
	if ready, err := g.SAReady(failover); ready || err != nil {
		t.Errorf("a group whose SAs are all set aside is ready, %v", err)
	}
	set(a, false, 1)
	set(b, false, 0)
	for i, now := range g.members(t, false) {
		if now != before[i] {
			t.Fatalf("flow %d is with %s, and was with %s before", i, now, before[i])
		}
	}
	if _, err := g.SetAside(sa(eroute.ProtoESP, 0x1004), true); !errors.Is(err, sas.ErrNoGroup) {
		t.Errorf("set an SA aside that no group has: %v", err)
	}
	checkDerived(t, g.Table)
}

// TestGroupAsideEnded checks that an SA whose end a program marks while a command sets it aside stays ended: the command
// writes back what it read before.
func TestGroupAsideEnded(t *testing.T) {
	a, b := sa(eroute.ProtoESP, 0x1001), sa(eroute.ProtoESP, 0x1002)
	g := newGrouped(t, eroute.SpreadFailover, a, b)
	delete(g.model.states, xfrm.StateKey{Proto: a.Proto, SPI: a.SPI, Dst: a.Dst}) // the slot still says that it is there
	if _, err := g.SetAside(a, true); err != nil {
		t.Fatal(err)
	}
	if ready, err := g.SAReady(a); ready || err != nil {
		t.Errorf("%s is ready, though it has ended, %v", a, err)
	}
	g.model.check(t, g.Table, true)
}

// TestGroupAsideTrap checks that packets match the %trap of a group whose SAs are all set aside, and that its flows end
// when one is put back.
func TestGroupAsideTrap(t *testing.T) {
	a := sa(eroute.ProtoESP, 0x1001)
	g := newGrouped(t, eroute.SpreadFlow, a, eroute.Trap)
	checkShares(t, g.members(t, false), map[eroute.SAID]int{a: 1})
	if _, err := g.SetAside(a, true); err != nil {
		t.Fatal(err)
	}
	checkShares(t, g.members(t, false), map[eroute.SAID]int{eroute.Trap: 1})
	trap := sel("10.1.0.0/16", "10.2.0.0/16")
	value, _, err := g.gen.Entry(trap)
	if err != nil {
		t.Fatal(err)
	}
	makeHold(t, g.Table, sel("10.1.0.1/32", "10.2.0.1/32"), abi.Entry{Selector: trap, Value: *value})
	if err := g.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if flows, err := g.Flows(); err != nil || len(flows) != 1 {
		t.Errorf("flows %v, %v, want one", flows, err)
	}
	if _, err := g.SetAside(a, false); err != nil {
		t.Fatal(err)
	}
	if flows, err := g.Flows(); err != nil || len(flows) != 0 {
		t.Errorf("flows %v, %v, want none", flows, err)
	}
	checkShares(t, g.members(t, false), map[eroute.SAID]int{a: 1})
}

// TestGroupReturnAfter checks that an SA that comes back is not used before the time of its group, unless there is no
// older one, and then without any command.
func TestGroupReturnAfter(t *testing.T) {
	a, b := sa(eroute.ProtoESP, 0x1001), sa(eroute.ProtoESP, 0x1002)
	for _, spread := range []eroute.Spread{eroute.SpreadFlow, eroute.SpreadFailover} {
		t.Run(spread.String(), func(t *testing.T) {
			const after = 2 * time.Second
			g := newGroupedBy(t, returningAfter(t, groupOf(t, spread, a, b), after))
			both := map[eroute.SAID]int{a: 1, b: 1}
			if spread == eroute.SpreadFailover {
				both = map[eroute.SAID]int{a: 1}
			}
			check := func(want map[eroute.SAID]int) {
				t.Helper()
				for _, v6 := range []bool{false, true} {
					checkShares(t, g.members(t, v6), want)
				}
			}
			returns := func(said eroute.SAID, age time.Duration) {
				t.Helper()
				g.model.add(said, xfrm.ModeTunnel, xfrm.IPv4|xfrm.IPv6, 0)
				key := xfrm.StateKey{Proto: said.Proto, SPI: said.SPI, Dst: said.Dst}
				s := g.model.states[key]
				s.Added = uint64(time.Now().Add(-age).Unix())
				g.model.states[key] = s
				if err := g.Sync(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			const long = time.Hour // the test is not that slow
			g.setReturnAfter(t, long)
			check(both)
			g.model.del(t, g.Table, a)
			check(map[eroute.SAID]int{b: 1})
			returns(a, 0)
			check(map[eroute.SAID]int{b: 1})
			*g.Table = *reopen(t, g.Table)
			check(map[eroute.SAID]int{b: 1})
			g.model.del(t, g.Table, b)
			check(map[eroute.SAID]int{a: 1})
			returns(b, 0)
			check(both) // both are new
			g.model.del(t, g.Table, b)
			returns(b, 2*long)
			check(map[eroute.SAID]int{b: 1})
			g.setReturnAfter(t, after)
			packet := eroute.Packet{Src: netip.MustParseAddr("10.1.0.1"), Dst: netip.MustParseAddr("10.2.0.1"), Proto: 17, DstPort: 53}
			for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
				packet.SrcPort++ // other flows
				if said, err := g.Member(packet, g.group); err != nil {
					t.Fatal(err)
				} else if said == a {
					break
				}
				if time.Since(begin) > after+10*time.Second {
					t.Fatalf("%s is not used again", a)
				}
			}
			check(both)
			checkDerived(t, g.Table)
		})
	}
}

// setReturnAfter changes the time of the group in the table, as an eroute with another time would.
func (g *grouped) setReturnAfter(t *testing.T, after time.Duration) {
	t.Helper()
	g.group = returningAfter(t, g.group, after)
	mustApply(t, g.Table, &eroute.Linear{}, replace(sel("10.1.0.0/16", "10.2.0.0/16"), g.group), replace(sel("2001:db8:1::/48", "2001:db8:2::/48"), g.group))
}

// TestGroupTraffic checks that a scan for metrics has the SAs of groups, also idle ones, behind the busiest SAs.
func TestGroupTraffic(t *testing.T) {
	a, b, single := sa(eroute.ProtoESP, 0x1001), sa(eroute.ProtoESP, 0x1002), sa(eroute.ProtoESP, 0x1003)
	g := newGrouped(t, eroute.SpreadFailover, a, b, sa(eroute.ProtoESP, 0x1004))
	g.model.del(t, g.Table, sa(eroute.ProtoESP, 0x1004))
	mustApply(t, g.Table, &eroute.Linear{}, add(sel("10.3.0.0/16", "10.4.0.0/16"), single))
	for i, said := range []eroute.SAID{b, single} {
		g.model.add(said, xfrm.ModeTunnel, xfrm.IPv4|xfrm.IPv6, 0)
		key := xfrm.StateKey{Proto: said.Proto, SPI: said.SPI, Dst: said.Dst}
		s := g.model.states[key]
		s.Packets, s.Bytes = uint64(10*i+10), 1000
		g.model.states[key] = s
	}
	watch, err := OpenWatch()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = watch.Close() }()
	scan, err := watch.Scan(1)
	if want := []eroute.SAID{single, b, a}; err != nil || !slices.Equal(scan.SAs, want) {
		t.Errorf("SAs %v, %v, want %v", scan.SAs, err, want)
	}
	traffic, err := watch.SAs(scan.SAs)
	if want := []SA{{single, 20, 1000}, {b, 10, 1000}, {a, 0, 0}}; err != nil || !slices.Equal(traffic, want) {
		t.Errorf("traffic %v, %v, want %v", traffic, err, want)
	}
}
