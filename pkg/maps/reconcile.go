// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"context"
	"errors"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Sync brings what is installed in XFRM in line with the SAs that exist now, and
// removes policies of ours that no eroute needs. Errors name SAs that exist but cannot
// be used; their packets drop.
func (t *Table) Sync(context.Context) error {
	view, err := t.viewXFRM()
	if err != nil {
		return err
	}
	return errors.Join(t.reconcile(view), t.removeOrphans(view))
}

// bind installs an SA and lets packets use it, or stops them if it is not there.
// Families that the state cannot carry stay without a policy: XFRM drops them.
func (t *Table) bind(key saidKey, v saidValue, view *xfrmView) error {
	id := ifID(v.Slot)
	s, err := view.find(key.said())
	if err != nil {
		return errors.Join(err, t.unbind(key, v, view))
	}
	inner := v.families() & s.Inner
	if inner == 0 {
		inner = v.families() // refused, with the reason
	}
	if s.IfID != id || !view.bound[id].Pins(s, inner) {
		prev, err := t.xfrm.BindState(s, id, inner)
		if err != nil {
			return errors.Join(err, t.unbind(key, v, view))
		}
		if prev != 0 {
			v.PrevIfID = prev
			if err := t.putSAID(key, v); err != nil {
				return err
			}
		}
	}
	return t.use(key, v, s)
}

// use lets packets use an SA by a state. The state may have ended since it was read, and
// that may have been noted just before: it is looked at once more.
func (t *Table) use(key saidKey, v saidValue, s xfrm.State) error {
	sa, err := t.readSA(v.Slot)
	if err != nil || sa.Use == uint8(useOf(s)) {
		return err
	}
	if err := t.putSA(v.Slot, key.said(), useOf(s)); err != nil {
		return err
	}
	_, err = t.xfrm.Find(key.said())
	if errors.Is(err, xfrm.ErrNoState) {
		err = errors.Join(err, t.putSA(v.Slot, key.said(), bpf.ABISaUseSA_ABSENT), waitForPackets(), t.xfrm.Unbind(key.said(), ifID(v.Slot), v.PrevIfID))
	}
	return err
}

// unbind stops packets from using an SA, then removes its policies: with a policy and
// no state, a packet would make the kernel keep the SPI for a larval state.
func (t *Table) unbind(key saidKey, v saidValue, view *xfrmView) error {
	sa, err := t.readSA(v.Slot)
	if err != nil || t.xfrm == nil {
		return err
	}
	if isUsable(&sa) {
		err = errors.Join(t.putSA(v.Slot, key.said(), bpf.ABISaUseSA_ABSENT), waitForPackets())
	} else if !view.mayBeBound(ifID(v.Slot)) {
		return nil
	}
	return errors.Join(err, t.xfrm.Unbind(key.said(), ifID(v.Slot), v.PrevIfID))
}

// reconcile binds every SA that has eroutes to the state there is now.
func (t *Table) reconcile(view *xfrmView) error {
	all, err := t.saids()
	if err != nil {
		return err
	}
	var errs []error
	for key, v := range all {
		if err := t.bind(key, v, view); err != nil && !errors.Is(err, xfrm.ErrNoState) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// removeOrphans removes policies with an if_id of ours that no SA has.
func (t *Table) removeOrphans(view *xfrmView) error {
	if t.xfrm == nil {
		return nil
	}
	all, err := t.saids()
	if err != nil {
		return err
	}
	wanted := make(map[uint32]bool)
	for _, v := range all {
		wanted[ifID(v.Slot)] = true
	}
	var errs []error
	for id := range view.bound {
		if !wanted[id] {
			errs = append(errs, t.xfrm.Unbind(eroute.SAID{}, id, 0))
		}
	}
	return errors.Join(errs...)
}
