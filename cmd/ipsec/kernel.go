// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"iter"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/revision"
)

// asTable returns a nil table on error, not an interface that holds a nil *maps.Table.
func asTable(t *maps.Table, err error) (table, error) {
	if err != nil {
		return nil, err
	}
	return kernelTable{t}, nil
}

// kernelTable is the pinned table. Its changes also update the route copies of its ipsec devices.
type kernelTable struct{ *maps.Table }

func (t kernelTable) Apply(ctx context.Context, changes *eroute.Changes) error {
	if err := t.Table.ApplyList(ctx, changes); err != nil {
		return err
	}
	return device.SyncRoutes(t.Table)
}

func (t kernelTable) Restore(ctx context.Context, eroutes iter.Seq2[eroute.Change, error], commit bool) (maps.Effect, error) {
	effect, err := t.Table.Restore(ctx, eroutes, commit)
	if err == nil && commit {
		err = device.SyncRoutes(t.Table)
	}
	return effect, err
}

func (t kernelTable) RestoreAs(ctx context.Context, eroutes iter.Seq2[eroute.Change, error], r revision.Revision) (maps.Effect, error) {
	effect, err := t.Table.RestoreAs(ctx, eroutes, r)
	if err == nil {
		err = device.SyncRoutes(t.Table)
	}
	return effect, err
}

// SetLimit also adds eroutes that follow policies of XFRM and had no room.
func (t kernelTable) SetLimit(limit uint32) error {
	if err := t.Table.SetLimit(limit); err != nil {
		return err
	}
	_, err := t.Table.FollowPolicies(context.Background())
	return err
}

func (t kernelTable) Sync(ctx context.Context) error {
	_, err := device.Follow(t.Table)
	return errors.Join(t.Table.Sync(ctx), err)
}

func asDevices(t *maps.Table, err error) (devices, error) {
	if err != nil {
		return nil, err
	}
	return tableDevices{t}, nil
}

// tableDevices are the ipsec devices of a pinned table.
type tableDevices struct{ table *maps.Table }

func (d tableDevices) Attach(ctx context.Context, c device.Config) ([]string, error) {
	return device.Attach(ctx, d.table, c)
}

func (d tableDevices) Detach(ctx context.Context, virtual string) error {
	return device.Detach(ctx, d.table, virtual)
}

func (d tableDevices) Upgrade() error { return device.Upgrade(d.table) }

func (d tableDevices) Follow() ([]device.Difference, error) { return device.Follow(d.table) }

func (d tableDevices) List() ([]device.Attachment, error) { return device.List(d.table) }

func (d tableDevices) Differences(virtual string) ([]device.Difference, error) {
	return device.Differences(d.table, virtual)
}

func (d tableDevices) Close() error { return d.table.Close() }
