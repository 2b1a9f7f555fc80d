// SPDX-License-Identifier: Apache-2.0

package sas

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Reconcile binds every SA that has eroutes to its current state. Of two that cannot share a state, the one in the lower slot
// gets it if none has it.
func (set *Set) Reconcile(view *View) error {
	all, err := set.Named()
	if err != nil {
		return err
	}
	// SAs without a state come last: by then it is known which policies are in use.
	var errs pinned.ErrorList
	view.claimed = nil
	bind := func(key abi.SAIDKey) {
		claimed := len(view.claimed)
		err := set.bind(key, all[key], view)
		if len(view.claimed) > claimed {
			return
		}
		if err == nil {
			err = set.checkCPU(key, all[key], view)
		}
		if err != nil && !errors.Is(err, xfrm.ErrNoState) {
			errs.Add(err)
		}
	}
	var rest []abi.SAIDKey
	bySlot := func(x, y abi.SAIDKey) int { return cmp.Compare(all[x].Slot, all[y].Slot) }
	for _, key := range slices.SortedFunc(maps.Keys(all), bySlot) {
		if _, err := set.stateOf(key, view); err != nil {
			rest = append(rest, key)
			continue
		}
		bind(key)
	}
	for _, key := range rest {
		bind(key)
	}
	// By now no SAID without a state uses one of a bundle.
	set.bindClaimed(view, &errs, xfrm.ErrNoState)
	return errs.Err()
}

// RemoveOrphans removes policies with one of our if_ids that no eroute's packets have.
func (set *Set) RemoveOrphans(view *View) error {
	if set.xfrm == nil {
		return nil
	}
	all, err := set.Named()
	if err != nil {
		return err
	}
	wanted, slots := make(map[uint32]bool), set.Reader()
	for _, v := range all {
		sa, err := slots.At(v.Slot)
		if err != nil {
			return err
		}
		wanted[sa.IfId] = true
	}
	var errs pinned.ErrorList
	for id := range view.bound {
		if !wanted[id] {
			errs.Add(set.xfrm.Unbind(eroute.SAID{}, id, 0))
		}
	}
	return errs.Err()
}
