// SPDX-License-Identifier: Apache-2.0

package sas

import (
	"maps"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// Repair writes the counts and the slots in use where they differ from those of the entries.
func (set *Set) Repair(entries []abi.Entry) error {
	all, err := set.all()
	if err != nil {
		return err
	}
	have := maps.Clone(all)
	for key, v := range all {
		v.Refs4, v.Refs6 = 0, 0
		all[key] = v
	}
	slots := set.Reader()
	for _, e := range entries {
		if abi.ActionOf(&e.Value) != eroute.ActionSA {
			continue
		}
		said, err := slots.SAID(&e.Value)
		if err != nil {
			return err
		}
		key := abi.NewSAIDKey(said)
		v := all[key]
		v.Slot = e.Value.Sa
		*v.Refs(eroute.FamilyOf(e.Selector.Src.Addr()))++
		all[key] = v
	}
	if err := set.addMembers(all); err != nil {
		return err
	}
	if err := set.writeCounts(have, all); err != nil {
		return err
	}
	return set.repairUsed()
}

// repairUsed marks the slots and the blocks of members that are in use.
func (set *Set) repairUsed() error {
	all, err := set.all()
	if err != nil {
		return err
	}
	set.used.Clear()
	set.blocks.Clear()
	for key, v := range all {
		set.used.Set(v.Slot)
		if !key.IsGroup() {
			continue
		}
		sa, err := set.Read(v.Slot)
		if err != nil {
			return err
		}
		if g := asGroup(&sa); g != nil {
			set.blocks.SetRun(g.First/block, blocksOf(int(g.Members), g.Cells != 0))
		}
	}
	return nil
}

// writeCounts writes the eroute counts in all where they differ from have, and removes SAs without eroutes.
func (set *Set) writeCounts(have, all map[abi.SAIDKey]abi.SAIDValue) error {
	var errs pinned.ErrorList
	for key, v := range all {
		was, known := have[key]
		switch {
		case known && was == v:
		case known && was.Slot == v.Slot && Families(was)&Families(v) == Families(v):
			errs.Add(set.uncounted.Tolerate(set.putEntry(key, v)))
		default: // otherwise the SA would be missing, or appear unused
			errs.Add(set.putEntry(key, v))
		}
	}
	for key, v := range all {
		if Families(v) == 0 {
			errs.Add(set.uncounted.Tolerate(set.remove(key)))
		}
	}
	return errs.Err()
}
