// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/explain"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/metrics"
	"github.com/ipsec-eroute/eroute/pkg/revision"
	"github.com/ipsec-eroute/eroute/pkg/sas"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// memory is a network namespace in memory, with the reference table.
type memory struct {
	exists  bool // whether it has a table
	eroutes eroute.Linear
	acquire map[eroute.Selector]eroute.AcquireParams // ACQUIRE parameters of traps
	aside   map[eroute.SAID]bool                     // SAs that groups do not use
	count   uint32                                   // number of eroutes
	met     map[eroute.Selector]uint64               // number of packets, of 100 bytes each, that matched eroutes
	limit   uint32
	is      revision.Revision
	devices memoryDevices
	kernel  memoryKernel
	lost    eroute.Selector // an eroute that Matching does not return
}

func newMemory() *memory {
	return &memory{limit: uint32(bpf.ABILimitsEROUTE_DEFAULT_LIMIT), acquire: map[eroute.Selector]eroute.AcquireParams{}, aside: map[eroute.SAID]bool{}}
}

func (m *memory) do(f func()) { f() }

func (m *memory) openers(e *env) {
	e.openRead = func() (table, error) {
		if !m.exists {
			return nil, loader.ErrNoTable
		}
		return m, nil
	}
	e.openWrite = func() (table, error) {
		m.exists = true
		return m, nil
	}
	e.openWatch = func() (metrics.Table, error) {
		if !m.exists {
			return nil, loader.ErrNoTable
		}
		return memoryWatch{m}, nil
	}
	e.saids = m.saids
	e.openDevicesRead = func() (devices, error) {
		if !m.exists {
			return nil, loader.ErrNoTable
		}
		return &m.devices, nil
	}
	e.kernel = func() (explain.KernelView, error) { return &m.kernel, nil }
	e.openDevicesWrite = func() (devices, error) {
		m.exists = true
		return &m.devices, nil
	}
	e.checkInterfaces = checkMemoryInterfaces
}

// saids returns the SAs that eroutes name.
func (m *memory) saids() (all []eroute.SAID) {
	for _, e := range m.eroutes.List() {
		if e.SAID.Action() == eroute.ActionSA {
			all = append(all, e.SAID)
		}
	}
	return sortedSAIDs(all)
}

func (m *memory) Apply(_ context.Context, changes *eroute.Changes) error {
	next, err := m.after(changes)
	if err == nil {
		m.eroutes, m.count, m.acquire = next.eroutes, next.count, next.acquire
		m.is.Changed = m.is.ID != ""
	}
	return err
}

func (m *memory) Check(changes *eroute.Changes) (maps.Effect, error) {
	next, err := m.after(changes)
	if err != nil {
		return maps.Effect{}, err
	}
	return m.effect(next, changes), nil
}

// effect compares the table with its successor. Existing eroutes that changes add or replace count as changed.
func (m *memory) effect(next *memory, changes *eroute.Changes) (e maps.Effect) {
	put := map[eroute.Selector]bool{}
	for _, c := range changes.All() {
		put[c.Selector] = true
	}
	had := map[eroute.Selector]bool{}
	for _, old := range m.eroutes.List() {
		had[old.Selector] = true
	}
	for _, now := range next.eroutes.List() {
		switch {
		case !had[now.Selector]:
			e.Added++
		case put[now.Selector]:
			e.Changed++
		default:
			e.Kept++
		}
	}
	e.Deleted = len(had) - e.Changed - e.Kept
	return e
}

func (m *memory) Restore(_ context.Context, eroutes iter.Seq2[eroute.Change, error], commit bool) (e maps.Effect, err error) {
	next := &memory{limit: m.limit, acquire: map[eroute.Selector]eroute.AcquireParams{}}
	i := 0
	for c, err := range eroutes {
		if err != nil {
			return e, err
		}
		if err := next.apply(c); err != nil {
			return e, &eroute.ChangeError{Index: i, Change: c, Err: err}
		}
		i++
	}
	old := map[eroute.Selector]eroute.Eroute{}
	for _, had := range m.eroutes.List() {
		old[had.Selector] = had
	}
	for _, now := range next.eroutes.List() {
		switch had, there := old[now.Selector]; {
		case !there:
			e.Added++
		case had.SAID != now.SAID || m.acquire[now.Selector] != next.acquire[now.Selector]:
			e.Changed++
		default:
			e.Kept++
		}
	}
	e.Deleted = len(old) - e.Changed - e.Kept
	if commit {
		m.eroutes, m.count, m.acquire = next.eroutes, next.count, next.acquire
		m.is.Changed = m.is.Changed || m.is.ID != "" && e.Added+e.Changed+e.Deleted > 0
	}
	return e, nil
}

func (m *memory) RestoreAs(ctx context.Context, eroutes iter.Seq2[eroute.Change, error], r revision.Revision) (maps.Effect, error) {
	e, err := m.Restore(ctx, eroutes, true)
	if err == nil {
		m.is = r
	}
	return e, err
}

// after returns the table after the changes.
func (m *memory) after(changes *eroute.Changes) (*memory, error) {
	next := &memory{limit: m.limit, acquire: map[eroute.Selector]eroute.AcquireParams{}}
	for _, e := range m.eroutes.List() {
		if err := next.apply(eroute.Change{Op: eroute.OpAdd, Selector: e.Selector, SAID: e.SAID, Acquire: m.acquire[e.Selector]}); err != nil {
			return nil, err
		}
	}
	for i, c := range changes.All() {
		if err := next.apply(c); err != nil {
			return nil, &eroute.ChangeError{Index: i, Change: c, Err: err}
		}
	}
	return next, nil
}

func (m *memory) apply(c eroute.Change) error {
	if err := c.Validate(); err != nil {
		return err
	}
	m.putAcquire(c)
	switch c.Op {
	case eroute.OpClear:
		m.eroutes.Clear()
		m.count = 0
		return nil
	case eroute.OpDel:
		m.count--
		return m.eroutes.Del(c.Selector)
	case eroute.OpReplace:
		if err := m.eroutes.Del(c.Selector); err == nil {
			return m.eroutes.Add(c.Selector, c.SAID)
		}
	}
	if err := m.eroutes.Add(c.Selector, c.SAID); err != nil {
		return err
	}
	if m.count++; m.count > m.limit {
		return fmt.Errorf("%w: the limit is %d eroutes", eroute.ErrTableFull, m.limit)
	}
	return nil
}

// putAcquire stores the ACQUIRE parameters of a trap.
func (m *memory) putAcquire(c eroute.Change) {
	delete(m.acquire, c.Selector)
	if c.Op != eroute.OpDel && c.SAID.Traps() {
		m.acquire[c.Selector] = cmp.Or(c.Acquire, eroute.DefaultAcquire)
	}
}

func (m *memory) All() iter.Seq2[eroute.Eroute, error] {
	return func(yield func(eroute.Eroute, error) bool) {
		for _, e := range m.eroutes.List() {
			e.Acquire, e.Aside = m.acquire[e.Selector], m.asideOf(e.SAID)
			e.Packets, e.Bytes = m.met[e.Selector], 100*m.met[e.Selector]
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (m *memory) Written() iter.Seq2[eroute.Eroute, error] { return m.All() }

func (m *memory) PoliciesToFollow() ([]xfrm.Policy, error) { return nil, nil }

func (m *memory) Lookup(p eroute.Packet) (eroute.Eroute, bool, error) {
	e, found := m.eroutes.Lookup(p)
	e.Acquire, e.Aside = m.acquire[e.Selector], m.asideOf(e.SAID)
	return e, found, nil
}

func (m *memory) IsOwnKeyExchange(p eroute.Packet, _ uint32) (bool, error) {
	return p.Src == m.kernel.own && p.Proto == 17 && (p.SrcPort == 500 || p.SrcPort == 4500), nil
}

func (m *memory) Matching(match func(eroute.Selector) bool) iter.Seq2[eroute.Eroute, error] {
	return func(yield func(eroute.Eroute, error) bool) {
		for e, err := range m.All() {
			if e.Selector != m.lost && match(e.Selector) && !yield(e, err) {
				return
			}
		}
	}
}

// EachCount uses the position in the listing as the number of an eroute.
func (m *memory) EachCount(f func(id uint32, packets, bytes uint64)) error {
	for id, e := range m.eroutes.List() {
		f(uint32(id), m.met[e.Selector], 100*m.met[e.Selector])
	}
	return nil
}

func (m *memory) Version() uint64                 { return uint64(m.count) }
func (m *memory) Holds() ([]eroute.Eroute, error) { return nil, nil }

func (m *memory) Named(ids map[uint32]bool) (map[uint32]eroute.Eroute, error) {
	names := make(map[uint32]eroute.Eroute)
	for id, e := range m.eroutes.List() {
		if ids[uint32(id)] {
			names[uint32(id)] = e
		}
	}
	return names, nil
}

// Member returns the first SA that is ready, whatever the spread, or %trap; of a group by CPU the SA of the CPU, if it has
// one.
func (m *memory) Member(_ eroute.Packet, group eroute.SAID, cpu uint32) (eroute.SAID, error) {
	for _, sa := range group.SAs() {
		if s := m.kernel.sas[sa].State; group.Spread() == eroute.SpreadCPU && s.OneCPU && s.CPU == cpu {
			return sa, nil
		}
	}
	return m.member(group), nil
}

// member returns the SA of a packet on a CPU without an SA of its own.
func (m *memory) member(group eroute.SAID) (first eroute.SAID) {
	for _, sa := range group.SAs() {
		switch {
		case m.aside[sa] || m.kernel.sas[sa].OneCPU:
		case m.kernel.ready[sa]:
			return sa
		case first == eroute.SAID{}:
			first = sa
		}
	}
	if group.Traps() {
		return eroute.Trap
	}
	return first
}

func (m *memory) SetAside(said eroute.SAID, aside bool) (alone int, err error) {
	err = sas.ErrNoGroup
	for _, e := range m.eroutes.List() {
		switch {
		case e.SAID == said:
			alone++
		case slices.Contains(e.SAID.SAs(), said):
			err = nil
		}
	}
	if err == nil {
		m.aside[said] = aside
	}
	return alone, err
}

// asideOf returns the members of a group that are set aside, see [eroute.Eroute].
func (m *memory) asideOf(said eroute.SAID) (aside uint64) {
	for i, member := range said.Members() {
		if m.aside[member] {
			aside |= 1 << i
		}
	}
	return aside
}

func (m *memory) IsAside(said eroute.SAID) (bool, error) { return m.aside[said], nil }
func (m *memory) SAReady(said eroute.SAID) (bool, error) { return m.kernel.ready[said], nil }

// SAUses returns the SAs that packets use.
func (m *memory) SAUses() (uses []maps.SAUse, err error) {
	for said, ready := range m.kernel.ready {
		if ready {
			uses = append(uses, maps.SAUse{SAID: said, Usable: true})
		}
	}
	return uses, nil
}
func (m *memory) RelayRuns() (bool, error) { return m.kernel.relay, nil }

// PassesUnmatched looks at the devices in memory, as the table does at its watched interfaces.
func (m *memory) PassesUnmatched() (bool, error) {
	return slices.ContainsFunc(m.devices.all, func(a device.Attachment) bool { return a.Watched && !a.DropUnmatched }), nil
}

func (m *memory) Stats() (maps.Stats, error) {
	s := maps.Stats{Eroutes: m.count, Limit: m.limit, Revision: m.is}
	sas := make(map[eroute.SAID]bool)
	for _, e := range m.eroutes.List() {
		if e.SAID.Action() == eroute.ActionSA {
			sas[e.SAID] = true
		}
	}
	s.SAs, s.SAsMissing = len(sas), len(sas)
	for i, name := range []string{
		"sa", "pass", "key-exchange", "no-eroute", "drop", "reject", "hold", "trap",
		"sa-missing", "no-xfrm", "not-ip", "error", "unconfigured", "hold-not-stored",
		"trap-no-relay", "trap-queue-full", "trap-holds-full", "trap-limited", "sa-exhausted",
		"translated", "unwatched", "clear-inbound", "wrong-peer", "xfrm",
	} {
		verdict := maps.Dropped
		switch {
		case i < 3 || name == "xfrm":
			verdict = maps.Sent
		case name == "hold" || name == "trap":
			verdict = maps.Kept
		}
		s.Reasons = append(s.Reasons, maps.ReasonCount{Name: name, Verdict: verdict})
	}
	return s, nil
}

func (m *memory) SetLimit(limit uint32) error {
	if limit < m.count {
		return fmt.Errorf("set limit to %d: the table holds %d eroutes", limit, m.count)
	}
	if most := uint32(bpf.ABILimitsEROUTE_MAX) - 1; limit > most {
		return fmt.Errorf("set limit to %d: the most is %d", limit, most)
	}
	m.limit = limit
	return nil
}

func (m *memory) Sync(context.Context) error { return nil }
func (m *memory) Close() error               { return nil }
