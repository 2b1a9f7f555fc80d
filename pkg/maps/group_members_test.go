// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/sas"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

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
		uses, err := g.SAUses()
		if i := slices.IndexFunc(uses, func(u SAUse) bool { return u.SAID == said }); err != nil || i < 0 || uses[i].Aside != aside {
			t.Errorf("%s of %v is not listed as set aside: %t, %v", said, uses, aside, err)
		}
	}
	memberOf := func(src, dst string, group eroute.SAID) eroute.SAID {
		t.Helper()
		said, err := g.Member(eroute.Packet{Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), Proto: 1}, group, 0)
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
				if said, err := g.Member(packet, g.group, 0); err != nil {
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

// TestPutBackWithoutGroup checks that an SA can be used again whose last group was deleted while it was set aside.
func TestPutBackWithoutGroup(t *testing.T) {
	a, b := sa(eroute.ProtoESP, 0x1001), sa(eroute.ProtoESP, 0x1002)
	g := newGrouped(t, eroute.SpreadFailover, a, b)
	if _, err := g.SetAside(a, true); err != nil {
		t.Fatal(err)
	}
	changes := []eroute.Change{add(sel("10.3.0.0/16", "10.4.0.0/16"), a), del(sel("10.1.0.0/16", "10.2.0.0/16")), del(sel("2001:db8:1::/48", "2001:db8:2::/48"))}
	if err := g.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	if alone, err := g.SetAside(a, false); err != nil || alone != 1 {
		t.Errorf("put back: %d eroutes, %v", alone, err)
	}
	for _, aside := range []bool{true, false} {
		if _, err := g.SetAside(a, aside); !errors.Is(err, sas.ErrNoGroup) {
			t.Errorf("set aside %t: %v", aside, err)
		}
	}
}
