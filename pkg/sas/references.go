// SPDX-License-Identifier: Apache-2.0

package sas

import (
	"errors"
	"fmt"
	"maps"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// ErrTooMany is returned if there is no slot left for another SA.
var ErrTooMany = fmt.Errorf("too many Security Associations: the most is %d", bpf.ABILimitsEROUTE_MAX_SAS)

// Ref is one eroute's reference to an SA.
type Ref struct {
	SAID   eroute.SAID
	Family eroute.Family // the eroute's
}

// SlotRef is one eroute's reference to an SA, by the SA's slot.
type SlotRef struct {
	Slot   uint32
	Family eroute.Family // the eroute's
}

// Hold takes a reference to an SA for one eroute and returns its slot; 0 for a magic SAID. It accepts an SA
// that does not exist yet, whose packets are dropped until it does.
func (set *Set) Hold(ref Ref, view *View) (uint32, error) {
	if ref.SAID.IsGroup() {
		return set.holdGroup(ref, view)
	}
	if ref.SAID.Action() != eroute.ActionSA {
		return 0, nil
	}
	key := abi.NewSAIDKey(ref.SAID)
	v, found, err := set.entry(key)
	if err != nil {
		return 0, err
	}
	if !found {
		if v.Slot, err = set.used.Take(); err != nil {
			return 0, ErrTooMany
		}
		err = set.write(v.Slot, newSA(v.Slot, ref.SAID))
	}
	refs := v.Refs(ref.Family)
	*refs++
	if err == nil {
		err = set.putEntry(key, v)
	}
	if err != nil && !found {
		set.used.Free(v.Slot)
	}
	if err != nil || *refs > 1 && view.seen[key] {
		return v.Slot, err
	}
	view.seen[key] = true
	// An SA that exists but cannot be used does not refuse the eroute: its packets are dropped, and Sync
	// reports the reason.
	err = set.bind(key, v, view)
	if err != nil && !errors.Is(err, xfrm.ErrNoState) && !errors.Is(err, xfrm.ErrUnsupported) {
		return 0, errors.Join(err, set.Release(ref))
	}
	return v.Slot, nil
}

// Release releases one eroute's reference to an SA. With the last reference it uninstalls the SA.
func (set *Set) Release(ref Ref) error {
	if ref.SAID.IsGroup() {
		return set.releaseGroup(ref)
	}
	if ref.SAID.Action() != eroute.ActionSA {
		return nil
	}
	key := abi.NewSAIDKey(ref.SAID)
	v, found, err := set.entry(key)
	if err != nil || !found {
		return err
	}
	if refs := v.Refs(ref.Family); *refs > 0 {
		*refs--
	}
	if Families(v) != 0 {
		return set.putEntry(key, v)
	}
	return set.remove(key)
}

// ReleaseSlots releases references by their slots. It releases none as long as counts are too high, and none
// without memory for a lower count: repair does.
func (set *Set) ReleaseSlots(refs []SlotRef) error {
	var errs pinned.ErrorList
	slots := set.Reader()
	for _, ref := range refs {
		said, err := slots.SAIDAt(ref.Slot)
		if err == nil && !*set.uncounted {
			err = set.uncounted.Tolerate(set.Release(Ref{said, ref.Family}))
		}
		errs.Add(err)
	}
	return errs.Err()
}

// ReleaseAll releases all references to all SAs.
func (set *Set) ReleaseAll() error {
	all, err := set.all()
	if err != nil {
		return err
	}
	var errs pinned.ErrorList
	for key := range all {
		errs.Add(set.uncounted.Tolerate(set.remove(key)))
	}
	return errs.Err()
}

// Held returns the slot of an SA that eroutes of the family name already, and binds it. It does not raise their
// number, which would take memory.
func (set *Set) Held(ref Ref, view *View) (slot uint32, held bool, err error) {
	if ref.SAID.IsGroup() {
		return set.heldGroup(ref, view)
	}
	key := abi.NewSAIDKey(ref.SAID)
	v, found, err := set.entry(key)
	if err != nil || !found || *v.Refs(ref.Family) == 0 {
		return 0, false, err
	}
	if !view.seen[key] {
		view.seen[key] = true
		err = set.bind(key, v, view)
		if errors.Is(err, xfrm.ErrNoState) || errors.Is(err, xfrm.ErrUnsupported) {
			err = nil
		}
	}
	return v.Slot, true, err
}

// ReplaceCounts writes the counts in refs, and removes SAs without eroutes.
func (set *Set) ReplaceCounts(refs map[abi.SAIDKey]abi.SAIDValue) error {
	all, err := set.all()
	if err != nil {
		return err
	}
	have := maps.Clone(all)
	for key, v := range all {
		now := refs[key]
		v.Refs4, v.Refs6 = now.Refs4, now.Refs6
		all[key] = v
	}
	if err := set.addMembers(all); err != nil {
		return err
	}
	return set.writeCounts(have, all)
}
