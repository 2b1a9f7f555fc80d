// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// ErrTooManySAs is returned if there is no slot left for another SA.
var ErrTooManySAs = fmt.Errorf("too many Security Associations: the most is %d", bpf.ABILimitsEROUTE_MAX_SAS)

func ifID(slot uint32) uint32 { return uint32(bpf.ABILimitsIF_ID_BASE) + slot }

// familiesOf returns the inner families of an SA's eroutes.
func familiesOf(v abi.SAIDValue) (f xfrm.Families) {
	if v.Refs4 > 0 {
		f |= xfrm.IPv4
	}
	if v.Refs6 > 0 {
		f |= xfrm.IPv6
	}
	return f
}

func (t *Table) said(key abi.SAIDKey) (v abi.SAIDValue, found bool, err error) {
	err = t.maps[saidName].Lookup(key, &v)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return v, false, nil
	}
	if err != nil {
		return v, false, fmt.Errorf("look SA up: %w", err)
	}
	return v, true, nil
}

func (t *Table) putSAID(key abi.SAIDKey, v abi.SAIDValue) error {
	if err := t.maps[saidName].Put(key, v); err != nil {
		return fmt.Errorf("write SA: %w", err)
	}
	return nil
}

// saids reads all SAs that have eroutes.
func (t *Table) saids() (map[abi.SAIDKey]abi.SAIDValue, error) {
	all, err := t.allSAIDs()
	for key, v := range all {
		if familiesOf(v) == 0 {
			delete(all, key)
		}
	}
	return all, err
}

// allSAIDs reads all SAs that have eroutes, or that are kept because another SA borrows their if_id.
func (t *Table) allSAIDs() (map[abi.SAIDKey]abi.SAIDValue, error) {
	type pair struct {
		key   abi.SAIDKey
		value abi.SAIDValue
	}
	pairs, err := pinned.ReadAll(t.maps[saidName], func(k *abi.SAIDKey, v *abi.SAIDValue) pair { return pair{*k, *v} })
	if err != nil {
		return nil, fmt.Errorf("list SAs: %w", err)
	}
	all := make(map[abi.SAIDKey]abi.SAIDValue, len(pairs))
	for _, p := range pairs {
		all[p.key] = p.value
	}
	return all, nil
}

// holdSA takes a reference to an SA for one eroute and returns its slot; 0 for a magic SAID. It accepts an SA
// that does not exist yet, whose packets are dropped until it does.
func (t *Table) holdSA(ref saidRef, view *xfrmView) (uint32, error) {
	if ref.said.Action() != eroute.ActionSA {
		return 0, nil
	}
	key := abi.NewSAIDKey(ref.said)
	v, found, err := t.said(key)
	if err != nil {
		return 0, err
	}
	if !found {
		if v.Slot, err = t.slots.Take(); err != nil {
			return 0, ErrTooManySAs
		}
		err = t.writeSA(v.Slot, newSA(v.Slot, ref.said))
	}
	refs := v.Refs(ref.family)
	*refs++
	if err == nil {
		err = t.putSAID(key, v)
	}
	if err != nil && !found {
		t.slots.Free(v.Slot)
	}
	if err != nil || *refs > 1 && view.seen[key] {
		return v.Slot, err
	}
	view.seen[key] = true
	// An SA that exists but cannot be used does not refuse the eroute: its packets are dropped, and Sync
	// reports the reason.
	err = t.bind(key, v, view)
	if err != nil && !errors.Is(err, xfrm.ErrNoState) && !errors.Is(err, xfrm.ErrUnsupported) {
		return 0, errors.Join(err, t.releaseSA(ref))
	}
	return v.Slot, nil
}

// releaseSA releases one eroute's reference to an SA. With the last reference it uninstalls the SA.
func (t *Table) releaseSA(ref saidRef) error {
	if ref.said.Action() != eroute.ActionSA {
		return nil
	}
	key := abi.NewSAIDKey(ref.said)
	v, found, err := t.said(key)
	if err != nil || !found {
		return err
	}
	if refs := v.Refs(ref.family); *refs > 0 {
		*refs--
	}
	if familiesOf(v) != 0 {
		return t.putSAID(key, v)
	}
	return t.deleteSA(key)
}

func (t *Table) releaseAllSAs() error {
	all, err := t.allSAIDs()
	if err != nil {
		return err
	}
	var errs pinned.ErrorList
	for key := range all {
		errs.Add(t.uncounted.Tolerate(t.deleteSA(key)))
	}
	return errs.Err()
}

// useOf returns how packets use an SA that has this state.
func useOf(s xfrm.State) bpf.ABISaUse {
	if s.Spent {
		return bpf.ABISaUseSA_EXHAUSTED
	}
	if s.Mode == xfrm.ModeTransport {
		return bpf.ABISaUseSA_TRANSPORT
	}
	return bpf.ABISaUseSA_READY
}
