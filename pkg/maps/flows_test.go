// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// makeHold makes a flow of a trap as the egress program does.
func makeHold(t *testing.T, table *Table, flow eroute.Selector, trap abi.Entry) abi.FlowID {
	t.Helper()
	table.relay.Value.LastSerial++
	serial := table.relay.Value.LastSerial
	v := bpf.ABIFlow{
		Serial: serial,
		Entry:  bpf.ABIErouteValue{Action: uint8(bpf.ABIErouteActionACT_HOLD), DstPrefixlen: uint8(flow.Dst.Bits())},
		Trap:   trap.Value.Id, TrapAction: trap.Value.Action,
		TrapSrcPrefixlen: uint8(trap.Selector.Src.Bits()), TrapDstPrefixlen: uint8(trap.Selector.Dst.Bits()),
	}
	key := abi.NewFlowKey(flow, table.generation())
	v.Seal = abi.SecretsOf(table.meta.Value).FlowSeal(&key, &v)
	if err := table.maps[flowsName].Update(key, v, ebpf.UpdateNoExist); err != nil {
		t.Fatal(err)
	}
	var relay bpf.ABIRelay
	if err := table.maps["eroute_relay"].Lookup(uint32(0), &relay); err != nil {
		t.Fatal(err)
	}
	relay.FlowTuples |= 1 << abi.TupleOf(flow)
	if err := table.maps["eroute_relay"].Put(uint32(0), relay); err != nil {
		t.Fatal(err)
	}
	return abi.FlowID{Selector: flow, Serial: serial}
}

// flowOfTrap returns the flow that a packet makes when it matches a trap.
func flowOfTrap(p eroute.Packet, trap eroute.Eroute) eroute.Selector {
	s := trap.Selector
	if trap.SAID != eroute.TrapSubnet {
		s.Src, s.Dst = netip.PrefixFrom(p.Src, p.Src.BitLen()), netip.PrefixFrom(p.Dst, p.Dst.BitLen())
	}
	return s
}

// TestFlowsAgainstReference checks that, with held and answered flows in the table, every packet matches what a
// linear scan finds if flows are ordinary eroutes, and that the end of a flow leaves its trap.
func TestFlowsAgainstReference(t *testing.T) {
	const rounds, packets = 40, 300
	r := newRandom(t)
	table, rows := newTable(t), &eroute.Linear{}
	made, answered := 0, 0
	for round := range rounds {
		var changes []eroute.Change
		for range 20 {
			c := r.change(selectors(rows))
			if r.IntN(2) == 0 {
				c.SAID = []eroute.SAID{eroute.Trap, eroute.TrapSubnet, failoverSA}[r.IntN(3)]
			}
			if c.Op == eroute.OpAdd {
				c.Op = eroute.OpReplace
			}
			if err := applyTo(rows, c); err == nil {
				changes = append(changes, c)
			}
		}
		if err := table.Apply(t.Context(), changes); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		reference := withFlows(t, table, rows)
		for range packets {
			p := r.packet(selectors(reference))
			met, found := reference.Lookup(p)
			checkPacket(t, table, reference, p)
			if !found || !met.SAID.Traps() || r.IntN(2) == 0 {
				continue
			}
			value, exists, err := table.gen.Entry(met.Selector)
			if err != nil || !exists {
				t.Fatalf("trap %v: %v", met, err)
			}
			flow := flowOfTrap(p, met)
			id := makeHold(t, table, flow, abi.Entry{Selector: met.Selector, Value: *value})
			reference.Replace(flow, eroute.Hold)
			made++
			checkPacket(t, table, reference, p)
			if said := (eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x1000, Dst: netip.MustParseAddr("192.0.2.1")}); r.IntN(3) == 0 {
				if done, err := table.Answer(t.Context(), []Answer{{Flow: id, SAID: said}}, func([]Answer) {}); err != nil || len(done) != 1 {
					t.Fatalf("answer: %v, %v", done, err)
				}
				reference.Replace(flow, said)
				answered++
				checkPacket(t, table, reference, p)
			}
		}
		reference = withFlows(t, table, rows)
		i := 0
		want := reference.List()
		for got, err := range table.All() {
			if err != nil || i >= len(want) || got.Selector != want[i].Selector || got.SAID != want[i].SAID {
				t.Fatalf("line %d: kernel lists %v, %v", i, got, err)
			}
			i++
		}
		if i != len(want) || t.Failed() {
			t.Fatalf("round %d: kernel lists %d eroutes, reference %d", round, i, len(want))
		}
		if r.IntN(3) == 0 {
			if _, err := table.EndFlows(func(f Flow) bool { return r.IntN(2) == 0 }); err != nil {
				t.Fatal(err)
			}
		}
	}
	if made == 0 || answered == 0 {
		t.Errorf("%d flows, %d answered", made, answered)
	}
	t.Logf("%d packets, %d flows, %d answered", rounds*packets, made, answered)
	if _, err := table.EndFlows(func(Flow) bool { return true }); err != nil {
		t.Fatal(err)
	}
	checkDerived(t, table)
	compareListings(t, table, rows)
}

// withFlows returns a reference with the table's entries and its current flows.
func withFlows(t *testing.T, table *Table, rows *eroute.Linear) *eroute.Linear {
	t.Helper()
	all := copyOf(rows)
	flows, err := table.Flows()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range flows {
		if trap, ok := find(rows, f.Trap); !ok || !trap.SAID.Traps() {
			t.Errorf("flow %v has no trap any more", f.Selector)
		}
		all.Replace(f.Selector, f.SAID)
	}
	return all
}

func find(l *eroute.Linear, s eroute.Selector) (eroute.Eroute, bool) {
	for _, e := range l.List() {
		if e.Selector == s {
			return e, true
		}
	}
	return eroute.Eroute{}, false
}

// TestHoldsAreEroutes checks that a hold can be deleted and replaced like any eroute, that an add of its
// selector fails, and that a clear removes it.
func TestHoldsAreEroutes(t *testing.T) {
	table := newTable(t)
	trap := eroute.Selector{Src: netip.MustParsePrefix("10.0.0.0/8"), Dst: netip.MustParsePrefix("10.0.0.0/8")}
	flow := eroute.Selector{Src: netip.MustParsePrefix("10.0.0.1/32"), Dst: netip.MustParsePrefix("10.0.0.2/32")}
	apply := func(op eroute.Op, s eroute.Selector, said eroute.SAID) error {
		return table.Apply(t.Context(), []eroute.Change{{Op: op, Selector: s, SAID: said}})
	}
	hold := func() {
		t.Helper()
		value, _, err := table.gen.Entry(trap)
		if err != nil {
			t.Fatal(err)
		}
		makeHold(t, table, flow, abi.Entry{Selector: trap, Value: *value})
	}
	listed := func() (text string) {
		for e, err := range table.All() {
			if err != nil {
				t.Fatal(err)
			}
			text += e.SAID.String() + " "
		}
		return text
	}
	for _, step := range []struct {
		name string
		do   func() error
		want error
		list string
	}{
		{"trap", func() error { return apply(eroute.OpAdd, trap, eroute.Trap) }, nil, "%trap "},
		{"hold", func() error { hold(); return nil }, nil, "%trap %hold "},
		{"add", func() error { return apply(eroute.OpAdd, flow, eroute.Pass) }, eroute.ErrExist, "%trap %hold "},
		{"delete", func() error { return apply(eroute.OpDel, flow, eroute.SAID{}) }, nil, "%trap "},
		{"delete again", func() error { return apply(eroute.OpDel, flow, eroute.SAID{}) }, eroute.ErrNotFound, "%trap "},
		{"hold again", func() error { hold(); return nil }, nil, "%trap %hold "},
		{"replace", func() error { return apply(eroute.OpReplace, flow, eroute.Pass) }, nil, "%trap %pass "},
		{"delete the replacement", func() error { return apply(eroute.OpDel, flow, eroute.SAID{}) }, nil, "%trap "},
		{"hold a third time", func() error { hold(); return nil }, nil, "%trap %hold "},
		{"replace the trap", func() error { return apply(eroute.OpReplace, trap, eroute.Drop) }, nil, "%drop "},
		{"trap again", func() error { return apply(eroute.OpReplace, trap, eroute.Trap) }, nil, "%trap "},
		{"hold a fourth time", func() error { hold(); return nil }, nil, "%trap %hold "},
		{"clear", func() error { return table.Apply(t.Context(), []eroute.Change{{Op: eroute.OpClear}}) }, nil, ""},
	} {
		if err := step.do(); !errors.Is(err, step.want) {
			t.Errorf("%s: %v, want %v", step.name, err, step.want)
		}
		if got := listed(); got != step.list {
			t.Errorf("%s: listed %q, want %q", step.name, got, step.list)
		}
		checkDerived(t, table)
	}
	if all, err := table.flowEntries(); err != nil || len(all) != 0 {
		t.Errorf("%d flows are left, %v", len(all), err)
	}
}
