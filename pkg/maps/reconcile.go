// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"context"
	"errors"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/ifname"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Sync updates the XFRM state and policies that the table installed to match the SAs that exist now. It removes
// our policies that no eroute needs, and restores those that were flushed, including those of devices. Its
// errors name SAs that exist but cannot be used; their packets are dropped.
func (t *Table) Sync(context.Context) error {
	view, err := t.viewXFRM()
	if err != nil {
		return err
	}
	return errors.Join(t.allowDevices(), t.reconcile(view), t.removeOrphans(view))
}

// allowDevices ensures that the policies exist that let packets reach the ipsec devices.
func (t *Table) allowDevices() error {
	if t.xfrm == nil {
		return nil
	}
	devices, err := t.Devices()
	errs := []error{err}
	for virtual, d := range devices {
		for _, ifindex := range []uint32{virtual, d.Detour} {
			if ifindex == 0 || !d.HasXFRM {
				continue
			}
			if _, err := ifname.Lookup(int(ifindex)); err == nil {
				errs = append(errs, t.xfrm.AllowDevice(int(ifindex)))
			}
		}
	}
	return errors.Join(errs...)
}

// reconcile binds every SA that has eroutes to its current state.
func (t *Table) reconcile(view *xfrmView) error {
	all, err := t.saids()
	if err != nil {
		return err
	}
	// SAs without a state come last: by then it is known which policies are in use.
	var errs pinned.ErrorList
	bind := func(key abi.SAIDKey) {
		if err := t.bind(key, all[key], view); err != nil && !errors.Is(err, xfrm.ErrNoState) {
			errs.Add(err)
		}
	}
	var rest []abi.SAIDKey
	for key := range all {
		if _, err := view.find(key.SAID()); err != nil {
			rest = append(rest, key)
			continue
		}
		bind(key)
	}
	for _, key := range rest {
		bind(key)
	}
	return errs.Err()
}

// removeOrphans removes policies with one of our if_ids that no eroute's packets have.
func (t *Table) removeOrphans(view *xfrmView) error {
	if t.xfrm == nil {
		return nil
	}
	all, err := t.saids()
	if err != nil {
		return err
	}
	wanted, slots := make(map[uint32]bool), t.slotReader()
	for _, v := range all {
		sa, err := slots.at(v.Slot)
		if err != nil {
			return err
		}
		wanted[sa.IfId] = true
	}
	var errs pinned.ErrorList
	for id := range view.bound {
		if !wanted[id] {
			errs.Add(t.xfrm.Unbind(eroute.SAID{}, id, 0))
		}
	}
	return errs.Err()
}
