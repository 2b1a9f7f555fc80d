// SPDX-License-Identifier: Apache-2.0

package sas

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Two SAIDs can name one state: the SAID of the state's own protocol, and a tun SAID if the state is in tunnel
// mode. Eroutes keep the SAID that they were added with, so each SAID has a slot, but a state has only one
// if_id. The slot that was bound second borrows the if_id of the first. A lender that has no more eroutes of
// its own is kept, without references, while its if_id is borrowed, because changing the if_id of a live state
// loses packets.

// namedSA is an SA in the table: key, value and slot.
type namedSA struct {
	key   abi.SAIDKey
	value abi.SAIDValue
	sa    bpf.ABISa
}

func (n *namedSA) ownIfID() uint32 { return ifID(n.value.Slot) }

// borrows reports whether the SA uses the if_id of another slot.
func (n *namedSA) borrows() bool { return n.sa.IfId != n.ownIfID() }

// namedSA reads an SA. Returns nil if no eroute names it and no SA borrows from it.
func (set *Set) namedSA(key abi.SAIDKey) (*namedSA, error) {
	v, found, err := set.entry(key)
	if err != nil || !found {
		return nil, err
	}
	sa, err := set.Read(v.Slot)
	return &namedSA{key, v, sa}, err
}

// ownerOf reads the SA whose slot owns an if_id. Returns nil if there is none.
func (set *Set) ownerOf(id uint32) (*namedSA, error) {
	slot := id - uint32(bpf.ABILimitsIF_ID_BASE)
	if slot >= uint32(bpf.ABILimitsEROUTE_MAX_SAS) {
		return nil, nil
	}
	sa, err := set.Read(slot)
	if err != nil || sa.Spi == 0 { // never used
		return nil, err
	}
	n, err := set.namedSA(abi.NewSAIDKey(saidOf(&sa)))
	if err != nil || n == nil || n.value.Slot != slot {
		return nil, err
	}
	return n, nil
}

// partner returns the SA that n borrows its if_id from, or the SA that borrows n's. Returns nil if there is
// none.
func (set *Set) partner(n *namedSA) (*namedSA, error) {
	if n.borrows() {
		return set.ownerOf(n.sa.IfId)
	}
	if n.sa.Borrower == 0 {
		return nil, nil
	}
	p, err := set.ownerOf(n.sa.Borrower)
	if err != nil || p == nil || p.sa.IfId != n.ownIfID() {
		return nil, err
	}
	return p, nil
}

// mayShare reports whether two SAIDs may name one state.
func mayShare(a, b abi.SAIDKey) bool {
	aTun, bTun := a.Proto == eroute.ProtoTun, b.Proto == eroute.ProtoTun
	return aTun != bTun && !a.IsBundle() && !b.IsBundle() && a.SPI == b.SPI && a.Family == b.Family && a.Dst == b.Dst
}

// isOf reports whether n names a state.
func (set *Set) isOf(n *namedSA, s xfrm.State, view *View) bool {
	found, err := set.stateOf(n.key, view)
	return err == nil && found.StateKey == s.StateKey
}

// lender returns the SA whose if_id the state of n will have, or nil if it will have n's own. This is the owner
// of the state's present if_id, or else the SA that n has borrowed from.
func (set *Set) lender(n *namedSA, s xfrm.State, view *View) (*namedSA, error) {
	for _, id := range []uint32{s.IfID, n.sa.IfId} {
		if id == n.ownIfID() {
			return nil, nil
		}
		l, err := set.ownerOf(id)
		if err != nil {
			return nil, err
		}
		if l == nil || !mayShare(l.key, n.key) || l.borrows() {
			continue
		}
		if Families(l.value) == 0 { // kept while n uses the state that it was kept for
			if s.IfID == id && l.sa.Borrower == n.ownIfID() {
				return l, nil
			}
			continue
		}
		if set.isOf(l, s, view) {
			return l, set.partOther(l, n)
		}
	}
	return nil, nil
}

// partOther separates a lender from a borrower other than n.
func (set *Set) partOther(lender, n *namedSA) error {
	p, err := set.partner(lender)
	if err != nil || p == nil || p.key == n.key {
		return err
	}
	return set.part(lender, p)
}

// bind installs an SA and lets packets use it, or stops packets if the SA does not exist. Families that the
// state cannot carry have no policy: XFRM drops their packets.
func (set *Set) bind(key abi.SAIDKey, v abi.SAIDValue, view *View) error {
	s, err := set.stateOf(key, view)
	if err == nil {
		err = set.claimed(key, s, view)
	}
	if err != nil {
		return errors.Join(err, set.unbind(key, v, view))
	}
	sa, err := set.Read(v.Slot)
	if err != nil {
		return err
	}
	n := &namedSA{key, v, sa}
	lender, err := set.lender(n, s, view)
	if err != nil {
		return err
	}
	families, former, err := set.separatePartner(n, lender, s, view)
	if err != nil {
		return err
	}
	owner := n
	if lender != nil {
		owner = lender
	}
	id := owner.ownIfID()
	inner := families & s.Inner
	if Families(v)&s.Inner == 0 {
		inner = Families(v) // BindState refuses them with the reason
	}
	if !s.Has(id) || !view.bound[id].Pins(s, inner) {
		prev, err := set.xfrm.BindState(s, id, inner)
		if err != nil {
			return errors.Join(err, set.unbind(key, v, view))
		}
		view.note(s, id)
		if prev != 0 {
			owner.value.PrevIfID = prev
			if err := set.putEntry(owner.key, owner.value); err != nil {
				return err
			}
		}
	}
	err = errors.Join(set.use(n, lender, s), set.removeUnusedLender(former))
	for _, part := range s.Bundle() {
		if err == nil && part.IfID != id {
			err = set.rebindUsers(n, part.IfID, view)
		}
	}
	return err
}

// rebindUsers binds the SAs whose packets have the if_id that a state had before n changed it. Their SAIDs mean another
// state since a state with their SPI was added.
func (set *Set) rebindUsers(n *namedSA, before uint32, view *View) error {
	owner, err := set.ownerOf(before)
	if err != nil || owner == nil {
		return err
	}
	p, err := set.partner(owner)
	for _, was := range []*namedSA{owner, p} {
		if err != nil || was == nil || was.key == n.key || Families(was.value) == 0 || !IsUsable(&was.sa) {
			continue
		}
		if n.key.IsBundle() || was.key.IsBundle() || mayShare(was.key, n.key) {
			err = set.bind(was.key, was.value, view)
		}
		if errors.Is(err, xfrm.ErrNoState) || errors.Is(err, xfrm.ErrUnsupported) {
			err = nil // its packets drop
		}
	}
	return err
}

// separatePartner separates n from an SA that it shared another state with. It returns the families of all
// eroutes whose packets will have n's new if_id, and the former lender, if any.
func (set *Set) separatePartner(n, lender *namedSA, s xfrm.State, view *View) (families xfrm.Families, former *namedSA, err error) {
	families = Families(n.value)
	if lender != nil {
		families |= Families(lender.value)
	}
	p, err := set.partner(n)
	switch {
	case err != nil || p == nil || lender != nil && lender.key == p.key:
		return families, nil, err
	case n.borrows():
		return families, p, nil
	case lender == nil && set.isOf(p, s, view):
		return families | Families(p.value), nil, nil
	}
	// The policies of n's if_id will lead to another state than that of p.
	return families, nil, set.part(n, p)
}

// part stops the packets of a borrower. The next bind gives it an if_id of its own.
func (set *Set) part(n, borrower *namedSA) error {
	n.sa.Borrower = 0
	wasUsable := IsUsable(&borrower.sa)
	aside := borrower.sa.Aside
	borrower.sa = newSA(borrower.value.Slot, borrower.key.SAID())
	borrower.sa.Aside = aside
	err := set.write(borrower.value.Slot, borrower.sa)
	if err == nil && wasUsable {
		err = pinned.WaitForPackets()
	}
	return err
}

// use lets packets use an SA through a state. The state may have been deleted after it was read, and this may
// have been noted before the slot was written, so use reads the state again.
func (set *Set) use(n, lender *namedSA, s xfrm.State) error {
	next := n.sa
	next.Use, next.IfId, next.Cpu = uint8(useOf(s)), n.ownIfID(), 0
	if s.OneCPU {
		next.Cpu = uint16(s.CPU)
	}
	if passes(&next) && !passes(&n.sa) {
		since, err := sinceOf(s)
		if err != nil {
			return err
		}
		next.Since = since
	}
	if lender != nil {
		next.IfId, next.Borrower = lender.ownIfID(), 0
		if lender.sa.Borrower != n.ownIfID() {
			lender.sa.Borrower = n.ownIfID()
			if err := set.write(lender.value.Slot, lender.sa); err != nil {
				return err
			}
			n.sa.Use = uint8(bpf.ABISaUseSA_ABSENT) // read the state again
		}
	}
	if next == n.sa {
		return nil
	}
	if next.Cpu != n.sa.Cpu { // programs may read the CPU before or after the use
		absent := next
		absent.Use = uint8(bpf.ABISaUseSA_ABSENT)
		if err := set.write(n.value.Slot, absent); err != nil {
			return err
		}
	}
	if err := set.write(n.value.Slot, next); err != nil {
		return err
	}
	_, err := set.xfrm.Find(n.key.SAID())
	if !errors.Is(err, xfrm.ErrNoState) {
		return err
	}
	owner := n
	errs := []error{err, set.stop(n.value.Slot)}
	if lender != nil {
		owner = lender
		errs = append(errs, set.stop(lender.value.Slot))
	}
	return errors.Join(append(errs, pinned.WaitForPackets(), set.xfrm.Unbind(n.key.SAID(), owner.ownIfID(), owner.value.PrevIfID))...)
}

// stop makes the programs drop packets of a slot.
func (set *Set) stop(slot uint32) error {
	sa, err := set.Read(slot)
	if err != nil || !IsUsable(&sa) {
		return err
	}
	sa.Use = uint8(bpf.ABISaUseSA_ABSENT)
	return set.write(slot, sa)
}

// unbind stops packets from using an SA, then removes its policies. With a policy but no state, a packet would
// make the kernel reserve the SPI for a larval state.
func (set *Set) unbind(key abi.SAIDKey, v abi.SAIDValue, view *View) error {
	sa, err := set.Read(v.Slot)
	if err != nil || set.xfrm == nil {
		return err
	}
	n := &namedSA{key, v, sa}
	if IsUsable(&sa) {
		err = errors.Join(set.stop(v.Slot), pinned.WaitForPackets())
	} else if !view.mayBeBound(sa.IfId) {
		return nil
	}
	owner := n
	p, perr := set.partner(n)
	if err = errors.Join(err, perr); err != nil {
		return err
	}
	if p != nil && Families(p.value) != 0 {
		if _, missing := set.stateOf(p.key, view); missing == nil {
			return nil // the partner uses the policies
		}
		if IsUsable(&p.sa) { // so far
			if err := errors.Join(set.stop(p.value.Slot), pinned.WaitForPackets()); err != nil {
				return err
			}
		}
	}
	if p != nil && n.borrows() {
		owner = p
	}
	return set.xfrm.Unbind(key.SAID(), owner.ownIfID(), owner.value.PrevIfID)
}

// remove uninstalls an SA that no eroute names and frees its slot, unless another SA borrows its if_id.
// Idempotent.
func (set *Set) remove(key abi.SAIDKey) error {
	if key.IsGroup() {
		return set.removeGroup(key)
	}
	n, err := set.namedSA(key)
	if err != nil || n == nil {
		return err
	}
	p, err := set.partner(n)
	if err != nil {
		return err
	}
	if p != nil && !n.borrows() && Families(p.value) != 0 && IsUsable(&p.sa) {
		n.value.Refs4, n.value.Refs6 = 0, 0
		n.sa.Use, n.sa.Aside = uint8(bpf.ABISaUseSA_ABSENT), 0
		return errors.Join(set.write(n.value.Slot, n.sa), set.putEntry(key, n.value))
	}
	if p != nil && !n.borrows() {
		if err := set.part(n, p); err != nil {
			return err
		}
	}
	borrowed := n.borrows()
	if err := set.write(n.value.Slot, newSA(n.value.Slot, key.SAID())); err != nil {
		return err
	}
	if set.xfrm != nil && !borrowed {
		if err := set.xfrm.Unbind(key.SAID(), n.ownIfID(), n.value.PrevIfID); err != nil {
			return err
		}
	}
	if err := set.entries.Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("delete SA: %w", err)
	}
	set.used.Free(n.value.Slot)
	if borrowed {
		return set.removeUnusedLender(p)
	}
	return nil
}

// removeUnusedLender removes a lender that was kept for a borrower that it no longer has.
func (set *Set) removeUnusedLender(lender *namedSA) error {
	if lender == nil || Families(lender.value) != 0 {
		return nil
	}
	return set.remove(lender.key)
}

// sinceOf returns when a state was added, as CLOCK_MONOTONIC in nanoseconds; 0: before that began.
func sinceOf(s xfrm.State) (uint64, error) {
	now, err := abi.Monotonic()
	if err != nil {
		return 0, err
	}
	age := uint64(max(0, time.Since(time.Unix(int64(s.Added), 0))))
	return now - min(now, age), nil
}

// useOf returns how packets use an SA that has this state.
func useOf(s xfrm.State) bpf.ABISaUse {
	transport := s.Tunnel() == nil
	switch {
	case s.Spent:
		return bpf.ABISaUseSA_EXHAUSTED
	case s.OneCPU && transport:
		return bpf.ABISaUseSA_CPU_TRANSPORT
	case s.OneCPU:
		return bpf.ABISaUseSA_CPU
	case transport:
		return bpf.ABISaUseSA_TRANSPORT
	}
	return bpf.ABISaUseSA_READY
}
