// SPDX-License-Identifier: Apache-2.0

package emptytable

import (
	"context"
	"iter"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/revision"
	"github.com/ipsec-eroute/eroute/pkg/sas"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Table is the table of a network namespace without one. Commands that would add nothing do not create a table.
type Table struct{}

// Apply accepts changes that are possible on an empty table, and leaves it empty.
func (Table) Apply(_ context.Context, changes *eroute.Changes) error {
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

// Check checks changes against an empty table that would be created for them.
func (Table) Check(changes *eroute.Changes) (maps.Effect, error) {
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

// Restore checks a table; it cannot commit one.
func (t Table) Restore(_ context.Context, eroutes iter.Seq2[eroute.Change, error], commit bool) (maps.Effect, error) {
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

// RestoreAs returns an error.
func (Table) RestoreAs(context.Context, iter.Seq2[eroute.Change, error], revision.Revision) (maps.Effect, error) {
	return maps.Effect{}, loader.ErrNoTable
}

// All yields nothing.
func (Table) All() iter.Seq2[eroute.Eroute, error] {
	return func(func(eroute.Eroute, error) bool) {}
}

// Written yields nothing.
func (t Table) Written() iter.Seq2[eroute.Eroute, error] { return t.All() }

// PoliciesToFollow returns nothing: without a table no device follows policies.
func (Table) PoliciesToFollow() ([]xfrm.Policy, error) { return nil, nil }

// Matching yields nothing.
func (t Table) Matching(func(eroute.Selector) bool) iter.Seq2[eroute.Eroute, error] {
	return t.All()
}

// Lookup finds nothing.
func (Table) Lookup(eroute.Packet) (eroute.Eroute, bool, error) {
	return eroute.Eroute{}, false, nil
}

// IsOwnKeyExchange returns false: without a table there is no ipsec device.
func (Table) IsOwnKeyExchange(eroute.Packet, uint32) (bool, error) { return false, nil }

// Member returns nothing: no eroute matches.
func (Table) Member(eroute.Packet, eroute.SAID, uint32) (eroute.SAID, error) {
	return eroute.SAID{}, nil
}

// PassesUnmatched returns false: without a table no interface is watched.
func (Table) PassesUnmatched() (bool, error) { return false, nil }

// SAReady returns false.
func (Table) SAReady(eroute.SAID) (bool, error) { return false, nil }

// SAUses returns none.
func (Table) SAUses() ([]maps.SAUse, error) { return nil, nil }

// IsAside returns false.
func (Table) IsAside(eroute.SAID) (bool, error) { return false, nil }

// RelayRuns returns false: a relay has a table.
func (Table) RelayRuns() (bool, error) { return false, nil }

// EachCount counts nothing.
func (Table) EachCount(func(id uint32, packets, bytes uint64)) error { return nil }

// Version returns 0.
func (Table) Version() uint64 { return 0 }

// Named returns nothing.
func (Table) Named(map[uint32]bool) (map[uint32]eroute.Eroute, error) { return nil, nil }

// Holds returns nothing.
func (Table) Holds() ([]eroute.Eroute, error) { return nil, nil }

// Stats returns the limit of a new table.
func (Table) Stats() (maps.Stats, error) {
	return maps.Stats{Limit: uint32(bpf.ABILimitsEROUTE_DEFAULT_LIMIT)}, nil
}

// SetLimit returns an error.
func (Table) SetLimit(uint32) error { return loader.ErrNoTable }

// SetAside returns an error.
func (Table) SetAside(eroute.SAID, bool) (alone int, err error) { return 0, sas.ErrNoGroup }

// Sync does nothing.
func (Table) Sync(context.Context) error { return nil }

// Close does nothing.
func (Table) Close() error { return nil }
