// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// cpusTried are more CPUs than the states of these tests are bound to.
const cpusTried = 5

// onCPU returns the SA of a packet of the grouped eroute on a CPU, as the program chooses it.
func (g *grouped) onCPU(t *testing.T, cpu uint32, v6 bool) eroute.SAID {
	t.Helper()
	p := eroute.Packet{Src: netip.MustParseAddr("10.1.0.1"), Dst: netip.MustParseAddr("10.2.0.1"), Proto: 17, SrcPort: uint16(time.Now().UnixNano()), DstPort: 53}
	if v6 {
		p.Src, p.Dst = netip.MustParseAddr("2001:db8:1::1"), netip.MustParseAddr("2001:db8:2::1")
	}
	said, err := g.Member(p, g.group, cpu)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

// checkCPUs checks the SA of each CPU, 0 first.
func (g *grouped) checkCPUs(t *testing.T, want ...eroute.SAID) {
	t.Helper()
	for cpu, want := range want {
		for _, v6 := range []bool{false, true} {
			if got := g.onCPU(t, uint32(cpu), v6); got != want {
				t.Errorf("on CPU %d, v6 %t: %v, want %v", cpu, v6, got, want)
			}
		}
	}
}

// put adds a state that is bound to a CPU, or with cpu < 0 to none, and syncs the table.
func (g *grouped) put(t *testing.T, said eroute.SAID, cpu int) error {
	t.Helper()
	g.model.add(said, xfrm.ModeTunnel, xfrm.IPv4|xfrm.IPv6, 0)
	if cpu >= 0 {
		g.model.bindToCPU(said, uint32(cpu))
	}
	return g.Sync(t.Context())
}

func newGroupedByCPU(t *testing.T, members ...eroute.SAID) *grouped {
	t.Helper()
	g := newGrouped(t, eroute.SpreadCPU, members...)
	for _, m := range g.group.SAs() {
		g.model.del(t, g.Table, m)
	}
	return g
}

// TestGroupCPU checks that a packet goes to the SA of its CPU, else to the one that is bound to none, and never to one of
// another CPU, while states end, come back and are bound to other CPUs.
func TestGroupCPU(t *testing.T) {
	a, b, c, none := sa(eroute.ProtoESP, 0x1001), sa(eroute.ProtoESP, 0x1002), sa(eroute.ProtoESP, 0x1003), eroute.SAID{}
	g := newGroupedByCPU(t, a, b, c)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		g.model.check(t, g.Table, err == nil)
		checkDerived(t, g.Table)
	}
	must(g.put(t, a, 0))
	must(g.put(t, b, 1))
	// An absent SA can be of any CPU: the packet drops with the first.
	online, err := xfrm.OnlineCPUs()
	if err != nil {
		t.Fatal(err)
	}
	g.checkCPUs(t, a, b, c)
	if ready, err := g.SAReady(g.group); err != nil || ready != !slices.ContainsFunc(online, func(cpu uint32) bool { return cpu > 1 }) {
		t.Errorf("with SAs of two CPUs, the group is ready: %t, %v", ready, err)
	}
	must(g.put(t, c, -1))
	g.checkCPUs(t, a, b, c, c)
	g.model.del(t, g.Table, b) // no command, no sync: the next packet
	g.checkCPUs(t, a, c, c)
	must(g.put(t, b, 1))
	g.checkCPUs(t, a, b, c)

	must(g.put(t, b, 3)) // the same SPI, replaced
	g.checkCPUs(t, a, c, c, b, c)
	must(g.put(t, b, 0)) // two for one CPU: the first
	g.checkCPUs(t, a, c)
	g.model.del(t, g.Table, a)
	g.checkCPUs(t, b, c)
	must(g.put(t, a, 60000)) // more than the machine has
	g.checkCPUs(t, b, c, c, c, c)
	must(g.put(t, b, -1)) // bound to none now: the first of two
	g.checkCPUs(t, b, b)

	must(g.put(t, a, 0))
	must(g.put(t, b, 1))
	if _, err := g.SetAside(b, true); err != nil {
		t.Fatal(err)
	}
	g.checkCPUs(t, a, c, c)
	if _, err := g.SetAside(c, true); err != nil {
		t.Fatal(err)
	}
	g.checkCPUs(t, a, none, none)
	*g.Table = *reopen(t, g.Table)
	must(g.Sync(t.Context()))
	g.checkCPUs(t, a, none, none)
}

// TestGroupCPUTrap checks that packets of a CPU without an SA match the %trap at the end of a group, and that its flows
// end only once each CPU has an SA.
func TestGroupCPUTrap(t *testing.T) {
	a, b := sa(eroute.ProtoESP, 0x1001), sa(eroute.ProtoESP, 0x1002)
	g := newGroupedByCPU(t, a, b, eroute.Trap)
	holds := func(want int) {
		t.Helper()
		if flows, err := g.Flows(); err != nil || len(flows) != want {
			t.Errorf("flows %v, %v, want %d", flows, err, want)
		}
	}
	g.checkCPUs(t, eroute.Trap, eroute.Trap)
	trap := sel("10.1.0.0/16", "10.2.0.0/16")
	value, _, err := g.gen.Entry(trap)
	if err != nil {
		t.Fatal(err)
	}
	makeHold(t, g.Table, sel("10.1.0.9/32", "10.2.0.1/32"), abi.Entry{Selector: trap, Value: *value})
	if err := g.put(t, a, 1); err != nil {
		t.Fatal(err)
	}
	g.checkCPUs(t, eroute.Trap, a, eroute.Trap)
	holds(1)
	if err := g.put(t, b, -1); err != nil {
		t.Fatal(err)
	}
	g.checkCPUs(t, b, a, b)
	holds(0)
}

// TestGroupCPUOnly checks that only groups by CPU use a state that is bound to a CPU: other eroutes drop their packets,
// and leave the state as it is if no group by CPU has it.
func TestGroupCPUOnly(t *testing.T) {
	a, b, tun := sa(eroute.ProtoESP, 0x1001), sa(eroute.ProtoESP, 0x1002), sa(eroute.ProtoTun, 0x1001)
	g := newGrouped(t, eroute.SpreadFlow, a, b)
	g.model.del(t, g.Table, a)
	g.model.del(t, g.Table, b)
	unusable := func(err error, text string) {
		t.Helper()
		if !errors.Is(err, xfrm.ErrUnsupported) || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, want %s", err, text)
		}
		g.model.check(t, g.Table, true)
	}
	ifID := func() uint32 { return g.model.states[xfrm.StateKey{Proto: a.Proto, SPI: a.SPI, Dst: a.Dst}].IfID }
	unusable(g.put(t, a, 1), "bound to CPU 1, which only --spread cpu can use")
	if ifID() != 0 {
		t.Errorf("the state was changed: if_id %#x", ifID())
	}
	alone, byCPU := sel("10.3.0.0/16", "10.4.0.0/16"), sel("10.5.0.0/16", "10.6.0.0/16")
	mustApply(t, g.Table, &eroute.Linear{}, add(alone, a))
	if ready, err := g.SAReady(a); ready || err != nil {
		t.Errorf("%s is ready: %v", a, err)
	}
	// A command that adds a group by CPU binds the state that it refused before.
	mustApply(t, g.Table, &eroute.Linear{}, replace(alone, a), add(byCPU, groupOf(t, eroute.SpreadCPU, a, b)))
	g.model.check(t, g.Table, false)
	unusable(g.Sync(t.Context()), "eroutes other than groups by CPU do not use "+a.String())
	used := func(said eroute.SAID, byCPU, others bool) {
		t.Helper()
		uses, err := g.SAUses()
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(uses, func(u SAUse) bool { return u.SAID == said })
		if i < 0 || uses[i].ByCPU != byCPU || uses[i].Others != others {
			t.Errorf("uses %+v, want %s in groups by CPU: %t, in others: %t", uses, said, byCPU, others)
		}
	}
	used(a, true, true)
	packet := func(src, dst string) eroute.Packet {
		return eroute.Packet{Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), Proto: 17, SrcPort: 7, DstPort: 53}
	}
	for cpu := range uint32(3) {
		for _, c := range []struct {
			p     eroute.Packet
			group eroute.SAID
			want  eroute.SAID
		}{
			{packet("10.3.0.1", "10.4.0.1"), a, eroute.SAID{}},
			{packet("10.1.0.1", "10.2.0.1"), g.group, b}, // absent: the packet drops
			{packet("10.5.0.1", "10.6.0.1"), groupOf(t, eroute.SpreadCPU, a, b), []eroute.SAID{b, a, b}[cpu]},
		} {
			if got, err := g.Member(c.p, c.group, cpu); err != nil || got != c.want {
				t.Errorf("%v on CPU %d: %v, %v, want %v", c.p, cpu, got, err, c.want)
			}
		}
	}
	// The other SAID of the state.
	mustApply(t, g.Table, &eroute.Linear{}, replace(byCPU, groupOf(t, eroute.SpreadCPU, tun, b)))
	unusable(g.Sync(t.Context()), "bind "+a.String())
	used(a, false, true)
	used(tun, true, false)
	if err := g.Apply(t.Context(), []eroute.Change{del(byCPU)}); err != nil {
		t.Fatal(err)
	}
	unusable(g.Sync(t.Context()), "bind "+a.String())
	if len(g.model.policies) != 0 {
		t.Errorf("policies %v are left", g.model.policies)
	}
	checkDerived(t, g.Table)
}

// TestGroupCPUForeign checks that a state of a key manager's XFRM interface gets its if_id back, and keeps its CPU.
func TestGroupCPUForeign(t *testing.T) {
	const foreign = 7
	a, b := sa(eroute.ProtoESP, 0x1001), sa(eroute.ProtoESP, 0x1002)
	g := newGroupedByCPU(t, a, b)
	g.model.add(a, xfrm.ModeTunnel, xfrm.IPv4|xfrm.IPv6, foreign)
	g.model.bindToCPU(a, 1)
	if err := g.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.checkCPUs(t, b, a)
	if err := g.Apply(t.Context(), []eroute.Change{empty}); err != nil {
		t.Fatal(err)
	}
	s, err := g.model.states.Find(a)
	if err != nil || s.IfID != foreign || !s.OneCPU || s.CPU != 1 || len(g.model.policies) != 0 {
		t.Errorf("%+v, %v, policies %v", s, err, g.model.policies)
	}
}

// TestGroupCPUReturnAfter checks the order of members that are younger than --return-after: the older fallback is used
// first.
func TestGroupCPUReturnAfter(t *testing.T) {
	a, b := sa(eroute.ProtoESP, 0x1001), sa(eroute.ProtoESP, 0x1002)
	g := newGroupedByCPU(t, a, b)
	g.setReturnAfter(t, time.Hour)
	age := func(said eroute.SAID, cpu int, age time.Duration) {
		t.Helper()
		if g.model.states[xfrm.StateKey{Proto: said.Proto, SPI: said.SPI, Dst: said.Dst}].SPI != 0 {
			g.model.del(t, g.Table, said)
		}
		g.model.add(said, xfrm.ModeTunnel, xfrm.IPv4|xfrm.IPv6, 0)
		if cpu >= 0 {
			g.model.bindToCPU(said, uint32(cpu))
		}
		key := xfrm.StateKey{Proto: said.Proto, SPI: said.SPI, Dst: said.Dst}
		s := g.model.states[key]
		s.Added = uint64(time.Now().Add(-age).Unix())
		g.model.states[key] = s
		if err := g.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	age(a, 1, 0)
	age(b, -1, 2*time.Hour)
	g.checkCPUs(t, b, b)
	age(b, -1, 0)
	g.checkCPUs(t, b, a)
	age(a, 1, 2*time.Hour)
	g.checkCPUs(t, b, a)
}

// cpuMember is the reference: the SA of a packet on a CPU, by docs/concepts.md.
func (m *model) cpuMember(group eroute.SAID, cpu uint32, aside map[eroute.SAID]bool) (chosen eroute.SAID) {
	var first, fallback eroute.SAID
	for _, said := range group.SAs() {
		s, err := m.states.Find(said)
		switch {
		case aside[said]:
		case err == nil && s.OneCPU && s.CPU == cpu:
			return said
		case err == nil && !s.OneCPU && fallback == eroute.SAID{}:
			fallback = said
		case err != nil && first == eroute.SAID{}:
			first = said // its packets drop
		}
	}
	switch {
	case fallback != eroute.SAID{}:
		return fallback
	case group.Traps():
		return eroute.Trap
	}
	return first
}

// TestGroupCPURandomly compares the program's choice with the reference, in random groups with random states.
func TestGroupCPURandomly(t *testing.T) {
	const steps = 150
	r := newRandom(t)
	var saids []eroute.SAID
	for i := range uint32(6) {
		saids = append(saids, sa(eroute.ProtoESP, 0x1000+i))
	}
	g := newGroupedByCPU(t, saids[0], saids[1])
	aside := map[eroute.SAID]bool{}
	for step := range steps {
		said := saids[r.IntN(len(saids))]
		what := ""
		switch r.IntN(5) {
		case 0:
			members := make([]eroute.SAID, 2+r.IntN(6))
			for i := range members {
				members[i] = saids[r.IntN(len(saids))]
			}
			if r.IntN(2) == 0 {
				members = append(members, eroute.Trap)
			}
			g.group = groupOf(t, eroute.SpreadCPU, members...)
			mustApply(t, g.Table, &eroute.Linear{}, replace(sel("10.1.0.0/16", "10.2.0.0/16"), g.group), replace(sel("2001:db8:1::/48", "2001:db8:2::/48"), g.group))
			maps.DeleteFunc(aside, func(said eroute.SAID, _ bool) bool { return !slices.Contains(g.group.SAs(), said) })
			what = g.group.String()
		case 1:
			if _, err := g.model.states.Find(said); err == nil {
				g.model.del(t, g.Table, said)
			}
			what = "no state " + said.String()
		case 2:
			if slices.Contains(g.group.SAs(), said) {
				aside[said] = r.IntN(2) == 0
				if _, err := g.SetAside(said, aside[said]); err != nil {
					t.Fatal(err)
				}
				what = fmt.Sprintf("%s aside: %t", said, aside[said])
			}
		default:
			cpu := r.IntN(cpusTried) - 1
			what = fmt.Sprintf("state %s of CPU %d", said, cpu)
			if _, err := g.model.states.Find(said); err == nil {
				g.model.del(t, g.Table, said) // a new state
			}
			if err := g.put(t, said, cpu); err != nil {
				t.Fatal(err)
			}
		}
		for cpu := range uint32(cpusTried) {
			if got, want := g.onCPU(t, cpu, step%2 == 0), g.model.cpuMember(g.group, cpu, aside); got != want {
				t.Fatalf("step %d, %s: on CPU %d %v, want %v; states %v, aside %v", step, what, cpu, got, want, g.model.states, aside)
			}
		}
		g.model.check(t, g.Table, false)
	}
	checkDerived(t, g.Table)
}

// TestGroupCPUOldKernel checks the error on a kernel that uses states that are bound to a CPU on all CPUs.
func TestGroupCPUOldKernel(t *testing.T) {
	was := ignoresCPU
	t.Cleanup(func() { ignoresCPU = was })
	ignoresCPU = func() (bool, error) { return true, nil }
	table := newTable(t)
	change := add(nth(0), groupOf(t, eroute.SpreadCPU, sa(eroute.ProtoESP, 0x1001), sa(eroute.ProtoESP, 0x1002)))
	trap := add(nth(2), eroute.Trap)
	trap.Acquire = eroute.DefaultAcquire
	trap.Acquire.Spread = eroute.SpreadCPU
	for what, err := range map[string]error{
		"trap":  table.Apply(t.Context(), []eroute.Change{trap}),
		"apply": table.Apply(t.Context(), []eroute.Change{add(nth(1), eroute.Drop), change}),
		"check": second(table.Check(eroute.ChangesOf(change))),
	} {
		if !errors.Is(err, ErrNoCPUs) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if stats, err := table.Stats(); err != nil || stats.Eroutes != 0 {
		t.Errorf("%d eroutes, %v", stats.Eroutes, err)
	}
}

// TestGroupCPURestoreOldKernel checks that such a kernel restores a table with a group by CPU, whose packets all go to the
// first SA that exists.
func TestGroupCPURestoreOldKernel(t *testing.T) {
	a, b := sa(eroute.ProtoESP, 0x1001), sa(eroute.ProtoESP, 0x1002)
	g := newGroupedByCPU(t, a, b)
	was := ignoresCPU
	t.Cleanup(func() { ignoresCPU = was })
	ignoresCPU = func() (bool, error) { return true, nil }
	var table []eroute.Change
	for e, err := range g.All() {
		if err != nil {
			t.Fatal(err)
		}
		table = append(table, add(e.Selector, e.SAID))
	}
	table = append(table, add(nth(0), eroute.Drop))
	if effect, err := g.Restore(t.Context(), inTurn(nil, table...), true); err != nil || effect.Added != 1 || effect.Kept != 2 {
		t.Fatalf("%+v, %v", effect, err)
	}
	if err := g.put(t, b, -1); err != nil {
		t.Fatal(err)
	}
	g.checkCPUs(t, b, b)
	if err := g.put(t, a, -1); err != nil {
		t.Fatal(err)
	}
	g.checkCPUs(t, a, a)
}

func second[T any](_ T, err error) error { return err }
