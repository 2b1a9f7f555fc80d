// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"iter"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// noTable stands for the table of a network namespace that has none. Commands that
// would put nothing into the table do not make one.
type noTable struct{}

// orNoTable turns the error that there is no table into an empty one.
func orNoTable(t table, err error) (table, error) {
	if errors.Is(err, loader.ErrNoTable) {
		return noTable{}, nil
	}
	return t, err
}

// Apply accepts what can be done to an empty table and leaves it empty.
func (noTable) Apply(_ context.Context, changes *eroute.Changes) error {
	for i, c := range changes.All() {
		switch c.Op {
		case eroute.OpClear:
		case eroute.OpDel:
			return &eroute.ChangeError{Index: i, Change: c, Err: eroute.ErrNotFound}
		default:
			return &eroute.ChangeError{Index: i, Change: c, Err: loader.ErrNoTable}
		}
	}
	return nil
}

// Check checks changes as to an empty table that would be made for them.
func (noTable) Check(changes *eroute.Changes) (maps.Effect, error) {
	there := make(map[eroute.Selector]bool)
	for i, c := range changes.All() {
		err := c.Validate()
		switch {
		case err != nil:
		case c.Op == eroute.OpClear:
			clear(there)
		case c.Op == eroute.OpDel && !there[c.Selector]:
			err = eroute.ErrNotFound
		case c.Op == eroute.OpAdd && there[c.Selector]:
			err = eroute.ErrExist
		default:
			there[c.Selector] = c.Op != eroute.OpDel
		}
		if err != nil {
			return maps.Effect{}, &eroute.ChangeError{Index: i, Change: c, Err: err}
		}
	}
	effect := maps.Effect{}
	for _, exists := range there {
		if exists {
			effect.Added++
		}
	}
	return effect, nil
}

// Restore checks a table that would be made, and can make none.
func (t noTable) Restore(_ context.Context, eroutes iter.Seq2[eroute.Change, error], commit bool) (maps.Effect, error) {
	if commit {
		return maps.Effect{}, loader.ErrNoTable
	}
	changes := &eroute.Changes{}
	for c, err := range eroutes {
		if err != nil {
			return maps.Effect{}, err
		}
		changes.Append(c)
	}
	return t.Check(changes)
}

// Written yields nothing.
func (t noTable) Written() iter.Seq2[eroute.Eroute, error] { return t.All() }

func (noTable) All() iter.Seq2[eroute.Eroute, error] {
	return func(func(eroute.Eroute, error) bool) {}
}

// IsOwnKeyExchange is false: without a table there is no ipsec device that would ask.
func (noTable) IsOwnKeyExchange(eroute.Packet, uint32) (bool, error) { return false, nil }

func (noTable) Lookup(eroute.Packet) (eroute.Eroute, bool, error) {
	return eroute.Eroute{}, false, nil
}

// Matching yields nothing.
func (t noTable) Matching(func(eroute.Selector) bool) iter.Seq2[eroute.Eroute, error] { return t.All() }

func (noTable) EachCount(func(id uint32, packets, bytes uint64)) error  { return nil }
func (noTable) Version() uint64                                         { return 0 }
func (noTable) Named(map[uint32]bool) (map[uint32]eroute.Eroute, error) { return nil, nil }
func (noTable) Holds() ([]eroute.Eroute, error)                         { return nil, nil }

func (noTable) SAReady(eroute.SAID) (bool, error) { return false, nil }
func (noTable) RelayRuns() (bool, error)          { return false, nil }

func (noTable) Stats() (maps.Stats, error) {
	return maps.Stats{Limit: uint32(bpf.ABILimitsEROUTE_DEFAULT_LIMIT)}, nil
}

func (noTable) SetLimit(uint32) error      { return loader.ErrNoTable }
func (noTable) Sync(context.Context) error { return nil }
func (noTable) Close() error               { return nil }
