// SPDX-License-Identifier: Apache-2.0

package sas

import (
	"errors"
	"slices"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// ErrNoGroup is returned for an SA that no group of eroutes has.
var ErrNoGroup = errors.New("no group of SAs in the table has this SA")

// SetAside makes all groups ignore an SA, or use it again. It returns the number of eroutes that name the SA alone, and
// use it in either case.
func (set *Set) SetAside(said eroute.SAID, aside bool) (alone int, err error) {
	key := abi.NewSAIDKey(said)
	v, found, err := set.entry(key)
	if err != nil {
		return 0, err
	}
	if !found {
		return 0, ErrNoGroup
	}
	grouped, err := set.groupsOf(v.Slot)
	if err != nil {
		return 0, err
	}
	sa, err := set.Read(v.Slot)
	if err != nil {
		return 0, err
	}
	change := (sa.Aside != 0) != aside
	// An SA that was set aside can be used again after its last group was deleted: another group can have it.
	if grouped == 0 && (aside || !change) {
		return 0, ErrNoGroup
	}
	alone = int(v.Refs4+v.Refs6) - grouped
	if !change {
		return alone, nil
	}
	sa.Aside = 0
	if aside {
		sa.Aside = 1
	}
	if err := set.write(v.Slot, sa); err != nil {
		return alone, err
	}
	// A program may have marked the end of the state after the slot was read.
	view, err := set.NewView()
	if err != nil {
		return alone, err
	}
	if err = set.bind(key, v, view); errors.Is(err, xfrm.ErrNoState) || errors.Is(err, xfrm.ErrUnsupported) {
		err = nil
	}
	return alone, err
}

// IsAside reports whether groups do not use an SA.
func (set *Set) IsAside(said eroute.SAID) (bool, error) {
	sa, err := set.slotOf(said)
	return sa.Aside != 0, err
}

// Grouped returns the SAs that are members of groups.
func (set *Set) Grouped() (map[eroute.SAID]bool, error) {
	all, err := set.all()
	if err != nil {
		return nil, err
	}
	bySlot := make(map[uint32]eroute.SAID, len(all))
	for key, v := range all {
		if !key.IsGroup() {
			bySlot[v.Slot] = key.SAID()
		}
	}
	grouped := make(map[eroute.SAID]bool)
	err = set.eachGroup(all, func(_ abi.SAIDValue, _ *bpf.ABISaGroup, members []uint32) error {
		for _, slot := range members {
			if said, known := bySlot[slot]; known { // a command may be changing the table
				grouped[said] = true
			}
		}
		return nil
	})
	return grouped, err
}

// groupsOf returns the number of references that groups hold to the SA of a slot: one for each family of each group.
func (set *Set) groupsOf(slot uint32) (refs int, err error) {
	all, err := set.all()
	if err != nil {
		return 0, err
	}
	err = set.eachGroup(all, func(v abi.SAIDValue, _ *bpf.ABISaGroup, members []uint32) error {
		if slices.Contains(members, slot) {
			refs += int(min(v.Refs4, 1) + min(v.Refs6, 1))
		}
		return nil
	})
	return refs, err
}

// eachGroup calls f with the entry of each group, its slot's value, and the slots of its members. An error of f ends it.
func (set *Set) eachGroup(all map[abi.SAIDKey]abi.SAIDValue, f func(v abi.SAIDValue, g *bpf.ABISaGroup, members []uint32) error) error {
	slots := set.Reader()
	for key, v := range all {
		if !key.IsGroup() {
			continue
		}
		sa, err := slots.At(v.Slot)
		if err != nil {
			return err
		}
		g := asGroup(&sa)
		if g == nil {
			continue
		}
		members, err := set.memberSlots(g)
		if err != nil {
			return err
		}
		if err := f(v, g, members); err != nil {
			return err
		}
	}
	return nil
}
