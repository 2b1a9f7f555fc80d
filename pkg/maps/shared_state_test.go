// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/sas"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// model is a model of the part of XFRM that the table uses. It marks the end of a state in the table as
// bpf/sa_delete.bpf.c does.
type model struct {
	states   xfrm.States
	policies map[uint32]modelPolicy
	foreign  []xfrm.Policy // of key managers
}

type modelPolicy struct {
	states []xfrm.StateKey // of its templates
	inner  xfrm.Families
}

// newModel makes the tables of this test use a model instead of XFRM.
func newModel(t *testing.T) *model {
	t.Helper()
	m := &model{states: xfrm.States{}, policies: map[uint32]modelPolicy{}}
	was := openXFRM
	openXFRM = func() (sas.XFRM, error) { return m, nil }
	t.Cleanup(func() { openXFRM = was })
	return m
}

func (m *model) Find(said eroute.SAID) (xfrm.State, error)  { return m.states.Find(said) }
func (m *model) State(said eroute.SAID) (xfrm.State, error) { return m.states.Find(said) }
func (m *model) States() (xfrm.States, error)               { return maps.Clone(m.states), nil }
func (m *model) CountStates() (int, error)                  { return len(m.states), nil }
func (m *model) AllowDevice(int) error                      { return nil }
func (m *model) Policies() ([]xfrm.Policy, error)           { return m.foreign, nil }
func (m *model) Close() error                               { return nil }

func (m *model) Bound() (map[uint32]xfrm.Binding, error) {
	bound := map[uint32]xfrm.Binding{}
	for id, p := range m.policies {
		bound[id] = xfrm.Binding{Families: p.inner}
	}
	return bound, nil
}

func (m *model) BindState(s xfrm.State, id uint32, inner xfrm.Families) (prev uint32, err error) {
	var keys []xfrm.StateKey
	for _, part := range s.Bundle() {
		now, there := m.states[part.StateKey]
		if !there {
			delete(m.policies, id)
			return 0, xfrm.ErrNoState
		}
		if inner&^now.Inner != 0 {
			return 0, xfrm.ErrUnsupported
		}
		keys = append(keys, part.StateKey)
	}
	for _, key := range keys {
		now := m.states[key]
		if now.IfID != 0 && now.IfID < xfrm.IfIDBase {
			prev = now.IfID
		}
		now.IfID = id
		m.states[key] = now
	}
	m.policies[id] = modelPolicy{keys, inner}
	return prev, nil
}

func (m *model) Unbind(said eroute.SAID, id, prev uint32) error {
	delete(m.policies, id)
	for _, sa := range said.Bundle() {
		if s, err := m.states.Find(sa); err == nil && prev != 0 && s.IfID == id {
			s.IfID = prev
			m.states[s.StateKey] = s
		}
	}
	return nil
}

func (m *model) add(said eroute.SAID, mode xfrm.Mode, inner xfrm.Families, ifID uint32) {
	key := xfrm.StateKey{Proto: said.Proto, SPI: said.SPI, Dst: said.Dst}
	m.states[key] = xfrm.State{StateKey: key, Mode: mode, Inner: inner, IfID: ifID}
}

// del deletes a state and marks this in the table, as bpf/sa_delete.bpf.c does.
func (m *model) del(t *testing.T, table *Table, said eroute.SAID) {
	t.Helper()
	key := xfrm.StateKey{Proto: said.Proto, SPI: said.SPI, Dst: said.Dst}
	id := m.states[key].IfID
	delete(m.states, key)
	absent := func(id uint32, mine func(*bpf.ABISa) bool) (borrower uint32) {
		slot := id - uint32(bpf.ABILimitsIF_ID_BASE)
		if slot >= uint32(bpf.ABILimitsEROUTE_MAX_SAS) {
			return 0
		}
		sa, err := table.sas.Read(slot)
		if err != nil {
			t.Fatal(err)
		}
		if !mine(&sa) {
			return 0
		}
		sa.Use = uint8(bpf.ABISaUseSA_ABSENT)
		if err := table.maps["eroute_sas"].Put(slot, sa); err != nil {
			t.Fatal(err)
		}
		return sa.Borrower
	}
	borrower := absent(id, func(sa *bpf.ABISa) bool {
		return sa.Spi == said.SPI || uint32(sa.Comp) == said.SPI || sa.Esp == said.SPI
	})
	absent(borrower, func(sa *bpf.ABISa) bool { return sa.IfId == id })
}

// check checks that packets passed to XFRM use the state that their eroute names and, after a sync, that all
// packets whose state exists are passed to XFRM.
func (m *model) check(t *testing.T, table *Table, synced bool) {
	t.Helper()
	all, err := table.sas.Named()
	if err != nil {
		t.Fatal(err)
	}
	used, byCPU := map[uint32]bool{}, cpuMembers(t, table)
	for key, v := range all {
		sa, err := table.sas.Read(v.Slot)
		if err != nil {
			t.Fatal(err)
		}
		s, missing := m.states.Find(key.SAID())
		if got := saidAt(t, table, v.Slot); got != key.SAID() {
			t.Errorf("slot of %s tells %s", key.SAID(), got)
		}
		carried := sas.Families(v) & s.Inner
		if !sas.IsUsable(&sa) {
			if synced && missing == nil && carried != 0 && (!s.OneCPU || byCPU[key.SAID()]) && !m.claimed(t, table, all, key) {
				t.Errorf("packets drop, though %s is there", key.SAID())
			}
			continue
		}
		used[sa.IfId] = true
		p := m.policies[sa.IfId]
		isTun, said := key.Proto == eroute.ProtoTun, key.SAID()
		if isTun && len(p.states) == 1 && said.SPI == p.states[0].SPI && said.Dst == p.states[0].Dst && !synced {
			s = m.states[p.states[0]] // tun names another state since one with its SPI was added, but nothing has read XFRM since
		}
		onCPU := sa.Use == uint8(bpf.ABISaUseSA_CPU) || sa.Use == uint8(bpf.ABISaUseSA_CPU_TRANSPORT)
		switch {
		case onCPU != s.OneCPU || onCPU && uint32(sa.Cpu) != s.CPU:
			t.Errorf("%s is of CPU %d: %t, its state of CPU %d: %t", key.SAID(), sa.Cpu, onCPU, s.CPU, s.OneCPU)
		case synced && onCPU && !byCPU[key.SAID()]:
			t.Errorf("%s is bound to a CPU, and no group by CPU has it", key.SAID())
		case missing != nil:
			t.Errorf("packets are given to %s, which is not there", key.SAID())
		case !s.Has(sa.IfId):
			t.Errorf("packets of %s have if_id %#x, its state has %#x", key.SAID(), sa.IfId, s.IfID)
		case !slices.Equal(p.states, stateKeys(s)) || p.inner&carried != carried:
			t.Errorf("policies of %s: %v, want %s for %s", key.SAID(), p, s.StateKey, carried)
		}
	}
	if synced {
		for id := range m.policies {
			if !used[id] {
				t.Errorf("policies of if_id %#x are left", id)
			}
		}
	}
}

// stateKeys returns the states of a bundle, or the state itself.
func stateKeys(s xfrm.State) (keys []xfrm.StateKey) {
	for _, part := range s.Bundle() {
		keys = append(keys, part.StateKey)
	}
	return keys
}

// claimed reports whether another SA is bound to a state of this one, and one of the two is a bundle. Packets of this SA
// then drop.
func (m *model) claimed(t *testing.T, table *Table, all map[abi.SAIDKey]abi.SAIDValue, key abi.SAIDKey) bool {
	t.Helper()
	for _, part := range key.SAID().Bundle() {
		s, err := m.states.Find(part)
		if err != nil {
			continue
		}
		for other, v := range all {
			sa, err := table.sas.Read(v.Slot)
			if err != nil {
				t.Fatal(err)
			}
			for _, theirs := range other.SAID().Bundle() {
				found, err := m.states.Find(theirs)
				if err == nil && found.StateKey == s.StateKey && other != key && (other.IsBundle() || key.IsBundle()) && sa.IfId == s.IfID {
					return true
				}
			}
		}
	}
	return false
}

// cpuMembers returns the SAs of the table's groups by CPU.
func cpuMembers(t *testing.T, table *Table) map[eroute.SAID]bool {
	t.Helper()
	members := map[eroute.SAID]bool{}
	for e, err := range table.All() {
		if err != nil {
			t.Fatal(err)
		}
		for _, said := range e.SAID.SAs() {
			members[said] = members[said] || e.SAID.Spread() == eroute.SpreadCPU
		}
	}
	return members
}

// bindToCPU binds a state to a CPU.
func (m *model) bindToCPU(said eroute.SAID, cpu uint32) {
	key := xfrm.StateKey{Proto: said.Proto, SPI: said.SPI, Dst: said.Dst}
	s := m.states[key]
	s.OneCPU, s.CPU = true, cpu
	m.states[key] = s
}

func sa(proto uint8, spi uint32) eroute.SAID {
	return eroute.SAID{Proto: proto, SPI: spi, Dst: netip.MustParseAddr("192.0.2.1")}
}

func bundleOf(t *testing.T, sas ...eroute.SAID) eroute.SAID {
	t.Helper()
	said, err := eroute.NewBundle(sas...)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

func groupOf(t *testing.T, spread eroute.Spread, members ...eroute.SAID) eroute.SAID {
	t.Helper()
	said, err := eroute.NewGroup(spread, members...)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

func returningAfter(t *testing.T, group eroute.SAID, after time.Duration) eroute.SAID {
	t.Helper()
	group, err := group.WithReturnAfter(after)
	if err != nil {
		t.Fatal(err)
	}
	return group
}

// TestSharedState checks that two eroutes whose SAIDs name one state both use it, in either order, and that
// each continues to work after the other is deleted.
func TestSharedState(t *testing.T) {
	for _, proto := range []uint8{eroute.ProtoESP, eroute.ProtoAH} {
		own, tun := sa(proto, 0x1001), sa(eroute.ProtoTun, 0x1001)
		for _, c := range [][2]eroute.SAID{{own, tun}, {tun, own}} {
			for gone := range 2 {
				t.Run(fmt.Sprintf("%s then %s, %d deleted", c[0], c[1], gone), func(t *testing.T) {
					m := newModel(t)
					table, reference := newTable(t), &eroute.Linear{}
					m.add(own, xfrm.ModeTunnel, xfrm.IPv4|xfrm.IPv6, 7)
					selectors := []eroute.Selector{nth(0), sel("2001:db8::/32", "::/0")}
					for i, s := range selectors {
						mustApply(t, table, reference, add(s, c[i]))
						m.check(t, table, true)
					}
					compareListings(t, table, reference)
					if stats, err := table.Stats(); err != nil || stats.SAs != 2 || stats.SAsMissing != 0 {
						t.Errorf("%d SAs, %d missing, %v", stats.SAs, stats.SAsMissing, err)
					}
					before := m.states[xfrm.StateKey{Proto: proto, SPI: own.SPI, Dst: own.Dst}].IfID
					mustApply(t, table, reference, del(selectors[gone]))
					m.check(t, table, true)
					compareListings(t, table, reference)
					checkDerived(t, table)
					if now := m.states[xfrm.StateKey{Proto: proto, SPI: own.SPI, Dst: own.Dst}].IfID; now != before {
						t.Errorf("the state's if_id was changed under packets, from %#x to %#x", before, now)
					}
					mustApply(t, table, reference, del(selectors[1-gone]))
					checkDerived(t, table)
					if id := m.states[xfrm.StateKey{Proto: proto, SPI: own.SPI, Dst: own.Dst}].IfID; id != 7 || len(m.policies) != 0 {
						t.Errorf("the state is left with if_id %#x and policies %v", id, m.policies)
					}
				})
			}
		}
	}
}

// TestSharedStateRandomly checks that no packet is passed to another state than its eroute names, for any order
// of SAs, groups, eroutes, syncs, restores and killed commands.
func TestSharedStateRandomly(t *testing.T) {
	const steps = 600
	r, m := newRandom(t), newModel(t)
	table, reference := newTable(t), &eroute.Linear{}
	var saids []eroute.SAID
	for _, spi := range []uint32{0x1001, 0x1002} {
		for _, proto := range []uint8{eroute.ProtoESP, eroute.ProtoAH, eroute.ProtoTun} {
			saids = append(saids, sa(proto, spi))
		}
	}
	selectors := []eroute.Selector{sel("2001:db8::/32", "::/0"), sel("2001:db8:1::/48", "::/0"), sel("2001:db8:2::/48", "::/0")}
	for i := range 4 {
		selectors = append(selectors, nth(i))
	}
	own := saids // each the SAID of one state, or of none
	for _, spis := range [][2]uint32{{0x1001, 0x1001}, {0x1001, 0x1002}, {0x1002, 0x1002}} {
		saids = append(saids, bundleOf(t, sa(eroute.ProtoESP, spis[0]), sa(eroute.ProtoAH, spis[1])))
	}
	pick := func() eroute.SAID { return saids[r.IntN(len(saids))] }
	pickOwn := func() eroute.SAID { return own[r.IntN(len(own))] }
	// An SA or a group of them.
	pickAny := func() eroute.SAID {
		members := make([]eroute.SAID, 1+r.IntN(4))
		for i := range members {
			members[i] = pick()
		}
		if r.IntN(3) == 0 {
			members = append(members, eroute.Trap)
		}
		if len(members) == 1 {
			return members[0]
		}
		group := groupOf(t, eroute.SpreadFlow+eroute.Spread(r.IntN(3)), members...)
		return returningAfter(t, group, time.Duration(r.IntN(2)*30)*time.Second)
	}
	aside := map[eroute.SAID]bool{} // SAs that are set aside
	for step := range steps {
		what, synced := "", false
		switch n := r.IntN(22); {
		case n < 7:
			c := replace(selectors[r.IntN(len(selectors))], pickAny())
			what = fmt.Sprintf("replace %v %s", c.Selector, c.SAID)
			mustApply(t, table, reference, c)
		case n < 10:
			s := selectors[r.IntN(len(selectors))]
			if slices.ContainsFunc(reference.List(), func(e eroute.Eroute) bool { return e.Selector == s }) {
				what = fmt.Sprintf("del %v", s)
				mustApply(t, table, reference, del(s))
			}
		case n < 13:
			if said := pickOwn(); said.Proto != eroute.ProtoTun {
				mode, inner := xfrm.ModeTunnel, xfrm.IPv4|xfrm.IPv6
				if r.IntN(4) == 0 {
					mode, inner = xfrm.ModeTransport, xfrm.IPv4
				}
				what = fmt.Sprintf("state %s %s", said, mode)
				if _, err := m.states.Find(said); err != nil {
					m.add(said, mode, inner, uint32(r.IntN(2))*7)
					if r.IntN(3) == 0 {
						m.bindToCPU(said, uint32(r.IntN(3)))
					}
				}
			}
		case n < 15:
			if said := pickOwn(); said.Proto != eroute.ProtoTun {
				what = fmt.Sprintf("no state %s", said)
				m.del(t, table, said)
			}
		case n == 15:
			what = "clear"
			mustApply(t, table, reference, empty)
		case n == 16:
			what = "repair"
			*table = *reopen(t, table)
		case n == 17:
			what = "restore"
			changes := []eroute.Change{}
			reference.Clear()
			for i := range r.IntN(len(selectors)) {
				c := add(selectors[i], pickAny())
				changes = append(changes, c)
				if err := applyTo(reference, c); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := table.Restore(t.Context(), inTurn(nil, changes...), true); err != nil {
				t.Fatal(err)
			}
		case n < 20:
			said, next := pick(), r.IntN(2) == 0
			what = fmt.Sprintf("set %s aside: %t", said, next)
			_, err := table.SetAside(said, next)
			if grouped := slices.ContainsFunc(reference.List(), func(e eroute.Eroute) bool { return slices.Contains(e.SAID.Members(), said) }); grouped != (err == nil) {
				t.Errorf("%s: %v", what, err)
			}
			if err == nil {
				aside[said] = next
			}
		default:
			what, synced = "sync", true
			_ = table.Sync(t.Context()) // returns errors for states that cannot carry a family
		}
		m.check(t, table, synced)
		compareListings(t, table, reference)
		checkDerived(t, table)
		checkAside(t, table, reference, aside)
		if t.Failed() {
			t.Fatalf("after step %d: %s; states %v", step, what, slices.Collect(maps.Keys(m.states)))
		}
	}
}

// checkAside checks which SAs are set aside. It removes those from the map that no eroute names any more: they are not
// set aside when one names them again.
func checkAside(t *testing.T, table *Table, reference *eroute.Linear, aside map[eroute.SAID]bool) {
	t.Helper()
	named := map[eroute.SAID]bool{}
	for _, e := range reference.List() {
		for _, said := range e.SAID.SAs() {
			named[said] = true
		}
	}
	maps.DeleteFunc(aside, func(said eroute.SAID, _ bool) bool { return !named[said] })
	for e, err := range table.All() {
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range e.SAID.Members() {
			if have := e.Aside>>i&1 != 0; have != aside[m] {
				t.Errorf("%s of %v is set aside: %t, want %t", m, e, have, aside[m])
			}
		}
	}
}
