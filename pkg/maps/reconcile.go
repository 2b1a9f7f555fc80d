// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"context"
	"errors"

	"github.com/ipsec-eroute/eroute/pkg/ifname"
)

// Sync is [Table.SyncSAs] and [Table.FollowPolicies].
func (t *Table) Sync(ctx context.Context) error {
	err := t.SyncSAs()
	_, followErr := t.FollowPolicies(ctx)
	return errors.Join(err, followErr)
}

// SyncSAs updates the XFRM state and policies that the table installed to match the SAs that exist now. It removes
// our policies that no eroute needs, and restores those that were flushed, including those of devices. Its errors name SAs
// that exist but cannot be used; their packets are dropped. Flows of the %trap of a group that has a usable SA again end.
func (t *Table) SyncSAs() error {
	view, err := t.sas.FullView()
	if err != nil {
		return err
	}
	return errors.Join(t.allowDevices(), t.sas.Reconcile(view), t.sas.RemoveOrphans(view), t.endFlowsOfReadyGroups())
}

// allowDevices ensures that the policies exist that let packets reach the ipsec devices that have them.
func (t *Table) allowDevices() error {
	if t.xfrm == nil {
		return nil
	}
	devices, err := t.Devices()
	errs := []error{err}
	for virtual, d := range devices {
		for _, ifindex := range []uint32{virtual, d.Detour} {
			if ifindex == 0 || !d.Allowed {
				continue
			}
			if _, err := ifname.Lookup(int(ifindex)); err == nil {
				errs = append(errs, t.xfrm.AllowDevice(int(ifindex)))
			}
		}
	}
	return errors.Join(errs...)
}
