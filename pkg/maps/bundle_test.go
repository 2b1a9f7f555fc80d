// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// use returns how packets of a SAID's slot are processed.
func use(t *testing.T, table *Table, said eroute.SAID) bpf.ABISaUse {
	t.Helper()
	v := slotOf(t, table, said)
	sa, err := table.sas.Read(v)
	if err != nil {
		t.Fatal(err)
	}
	return bpf.ABISaUse(sa.Use)
}

// slotOf returns the slot of a SAID that an eroute names.
func slotOf(t *testing.T, table *Table, said eroute.SAID) uint32 {
	t.Helper()
	for slot := range uint32(64) {
		sa, err := table.sas.Read(slot)
		if err != nil {
			t.Fatal(err)
		}
		if sa.Spi != 0 && saidAt(t, table, slot) == said {
			return slot
		}
	}
	t.Fatalf("%s has no slot", said)
	return 0
}

// TestBundle checks that packets pass a bundle only while all its states exist, and that its states get their former
// if_id back.
func TestBundle(t *testing.T) {
	esp, ah := sa(eroute.ProtoESP, 0x1001), sa(eroute.ProtoAH, 0x1002)
	bundle := bundleOf(t, esp, ah)
	m := newModel(t)
	table, reference := newTable(t), &eroute.Linear{}
	m.add(esp, xfrm.ModeTunnel, xfrm.IPv4|xfrm.IPv6, 7)
	mustApply(t, table, reference, add(nth(0), bundle))
	if got := use(t, table, bundle); got != bpf.ABISaUseSA_ABSENT || len(m.policies) != 0 {
		t.Errorf("without AH: use %d, policies %v", got, m.policies)
	}
	sync := func(want bpf.ABISaUse) {
		t.Helper()
		if err := table.Sync(t.Context()); err != nil {
			t.Error(err)
		}
		m.check(t, table, true)
		checkDerived(t, table)
		if got := use(t, table, bundle); got != want {
			t.Errorf("use %d, want %d", got, want)
		}
	}
	sync(bpf.ABISaUseSA_ABSENT)
	m.add(ah, xfrm.ModeTransport, xfrm.IPv4, 7)
	sync(bpf.ABISaUseSA_READY)
	for _, part := range []eroute.SAID{esp, ah} {
		was, err := m.states.Find(part)
		if err != nil {
			t.Fatal(err)
		}
		m.del(t, table, part)
		if got := use(t, table, bundle); got != bpf.ABISaUseSA_ABSENT {
			t.Errorf("without %s: use %d", part, got)
		}
		sync(bpf.ABISaUseSA_ABSENT)
		if len(m.policies) != 0 {
			t.Errorf("without %s: policies %v", part, m.policies)
		}
		m.add(part, was.Mode, was.Inner, 7)
		sync(bpf.ABISaUseSA_READY)
	}
	compareListings(t, table, reference)
	mustApply(t, table, reference, del(nth(0)))
	for key, s := range m.states {
		if s.IfID != 7 || len(m.policies) != 0 {
			t.Errorf("%s is left with if_id %#x and policies %v", key, s.IfID, m.policies)
		}
	}
}

// TestBundleModes checks that only a bundle of SAs in transport mode alone takes the detour, and that one that is bound to
// a CPU is refused.
func TestBundleModes(t *testing.T) {
	esp, ah := sa(eroute.ProtoESP, 0x1001), sa(eroute.ProtoAH, 0x1002)
	bundle := bundleOf(t, esp, ah)
	m := newModel(t)
	table, reference := newTable(t), &eroute.Linear{}
	m.add(esp, xfrm.ModeTransport, xfrm.IPv4, 0)
	m.add(ah, xfrm.ModeTransport, xfrm.IPv4, 0)
	mustApply(t, table, reference, add(nth(0), bundle))
	if got := use(t, table, bundle); got != bpf.ABISaUseSA_TRANSPORT {
		t.Errorf("use %d, want transport", got)
	}
	m.del(t, table, esp)
	m.add(esp, xfrm.ModeTransport, xfrm.IPv4, 0)
	m.bindToCPU(esp, 1)
	if err := table.Sync(t.Context()); err == nil || !strings.Contains(err.Error(), "bound to CPU 1") || use(t, table, bundle) != bpf.ABISaUseSA_ABSENT {
		t.Errorf("error %v, use %d", err, use(t, table, bundle))
	}
}

// TestBundleShares checks that a state that a bundle uses has no second SAID, and that a replacement takes it over.
func TestBundleShares(t *testing.T) {
	comp, esp, next := sa(eroute.ProtoComp, 0x100), sa(eroute.ProtoESP, 0x1001), sa(eroute.ProtoESP, 0x1002)
	bundle, renewed := bundleOf(t, comp, esp), bundleOf(t, comp, next)
	m := newModel(t)
	table, reference := newTable(t), &eroute.Linear{}
	for _, said := range []eroute.SAID{comp, esp, next} {
		m.add(said, xfrm.ModeTunnel, xfrm.IPv4|xfrm.IPv6, 0)
	}
	mustApply(t, table, reference, add(nth(0), esp))
	mustApply(t, table, reference, add(nth(1), bundle))
	checkUses := func(want map[eroute.SAID]bpf.ABISaUse) {
		t.Helper()
		for said, want := range want {
			if got := use(t, table, said); got != want {
				t.Errorf("use %d of %s, want %d", got, said, want)
			}
		}
		m.check(t, table, true)
		checkDerived(t, table)
	}
	const ready, absent = bpf.ABISaUseSA_READY, bpf.ABISaUseSA_ABSENT
	checkUses(map[eroute.SAID]bpf.ABISaUse{esp: ready, bundle: absent})
	if err := table.Sync(t.Context()); err == nil || !strings.Contains(err.Error(), "esp spi 0x1001 dst 192.0.2.1 is used by "+esp.String()) {
		t.Errorf("sync: %v", err)
	}
	checkUses(map[eroute.SAID]bpf.ABISaUse{esp: ready, bundle: absent})

	// An eroute that names the SA alone gets the bundle, which another one has already.
	mustApply(t, table, reference, replace(nth(0), bundle))
	if err := table.Sync(t.Context()); err != nil {
		t.Error(err)
	}
	checkUses(map[eroute.SAID]bpf.ABISaUse{bundle: ready})

	mustApply(t, table, reference, replace(nth(0), renewed), replace(nth(1), renewed)) // a rekey of ESP alone
	checkUses(map[eroute.SAID]bpf.ABISaUse{renewed: ready})
	mustApply(t, table, reference, replace(nth(0), next), del(nth(1)))
	checkUses(map[eroute.SAID]bpf.ABISaUse{next: ready})
	if _, err := table.Restore(t.Context(), inTurn(nil, add(nth(0), renewed)), true); err != nil {
		t.Fatal(err)
	}
	checkUses(map[eroute.SAID]bpf.ABISaUse{renewed: ready})
}

// TestBundleGroup checks a bundle in a group: packets go to it only while it is complete.
func TestBundleGroup(t *testing.T) {
	comp, esp, other := sa(eroute.ProtoComp, 0x100), sa(eroute.ProtoESP, 0x1001), sa(eroute.ProtoESP, 0x1002)
	g := newGrouped(t, eroute.SpreadFailover, bundleOf(t, comp, esp), other)
	for _, said := range []eroute.SAID{comp, esp, other} {
		g.model.add(said, xfrm.ModeTunnel, xfrm.IPv4|xfrm.IPv6, 0)
	}
	for _, c := range []struct {
		without eroute.SAID
		want    eroute.SAID
	}{{want: bundleOf(t, comp, esp)}, {comp, other}} {
		if c.without != (eroute.SAID{}) {
			g.model.del(t, g.Table, c.without)
		} else if err := g.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, v6 := range []bool{false, true} {
			checkShares(t, g.members(t, v6), map[eroute.SAID]int{c.want: 1})
		}
	}
}
