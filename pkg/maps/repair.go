// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// repair puts right what a command that was killed has left: the eroutes themselves
// are always whole, but what is derived from them (slots taken, shapes of source
// prefixes, holds on SAs, the count) may say more than there is.
func (t *Table) repair() error {
	meta, err := t.meta()
	if err != nil || meta.Writing == 0 {
		return err
	}
	entries, err := t.gen.entries()
	if err != nil {
		return err
	}
	t.ids.clear()
	for _, e := range entries {
		t.ids.set(e.value.Id)
	}
	meta.Count = uint32(len(entries))
	view, err := t.viewXFRM()
	if err != nil {
		return err
	}
	return errors.Join(
		t.setMeta(meta),
		t.repairSources(entries),
		t.repairSAs(entries),
		t.removeOrphans(view),
		t.dropOtherGeneration(meta.Generation),
		t.setWriting(0),
	)
}

func (t *Table) repairSources(entries []entry) error {
	want := make(map[netip.Prefix]bpf.ABISrcValue)
	for _, e := range entries {
		v := want[e.selector.Src]
		v.Prefixlen = uint8(e.selector.Src.Bits())
		v.Refs[shape(e.selector)]++
		v.Shapes |= 1 << shape(e.selector)
		want[e.selector.Src] = v
	}
	have, err := t.gen.allSources()
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range have {
		if _, ok := want[p]; !ok {
			errs = append(errs, t.gen.putSource(p, bpf.ABISrcValue{}))
		}
	}
	for p, v := range want {
		errs = append(errs, t.gen.putSource(p, v))
	}
	return errors.Join(errs...)
}

func (t *Table) repairSAs(entries []entry) error {
	all, err := t.saids()
	if err != nil {
		return err
	}
	for key, v := range all {
		v.Refs4, v.Refs6 = 0, 0
		all[key] = v
	}
	for _, e := range entries {
		said := rowSAID(&e.value)
		if said.Action() != eroute.ActionSA {
			continue
		}
		key := newSAIDKey(said)
		v := all[key]
		v.Slot = e.value.Sa
		*v.refs(eroute.FamilyOf(e.selector.Src.Addr()))++
		all[key] = v
	}
	t.slots.clear()
	var errs []error
	for key, v := range all {
		if v.families() == 0 {
			errs = append(errs, t.forget(key, v))
			continue
		}
		t.slots.set(v.Slot)
		errs = append(errs, t.putSAID(key, v))
	}
	return errors.Join(errs...)
}

// dropOtherGeneration frees what a --clear has left of the generation not in use.
func (t *Table) dropOtherGeneration(current uint32) error {
	var errs []error
	for _, name := range generationMaps {
		if err := t.maps[name].Delete(1 - current); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			errs = append(errs, fmt.Errorf("drop old generation of %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}
