// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/internal/guard"
	"github.com/ipsec-eroute/eroute/pkg/diff"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// runChange implements --add, --replace, --del and --clear.
func runChange(c *command) error {
	change, err := c.parser().Change(&c.opts)
	if err != nil {
		return err
	}
	err = c.apply(eroute.ChangesOf(change), &guard.Guard{})
	if _, ok := errors.AsType[*eroute.ChangeError](err); ok {
		return fmt.Errorf("--%w", err)
	}
	return err
}

// apply makes the changes in the namespace's table if the guard allows them, or with --check only checks them.
func (c *command) apply(changes *eroute.Changes, g *guard.Guard) (err error) {
	if c.opts.Has(erouteargs.OptCheck) {
		return c.check(changes, g)
	}
	makes, session := makesTable(changes), c.session()
	guarded := func(t table) error {
		_, err := c.guardChanges(t, changes, g)
		return err
	}
	if makes && g.Needed() {
		if err := c.guardNoTable(guarded); err != nil {
			return err
		}
	}
	t, err := c.openForChange(makes)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if c.isNoted() {
		c.noteChanges(changes)
	}
	if g.Needed() {
		if err := guarded(t); err != nil {
			return err
		}
	}
	session.Changes(t, changes)
	if err := t.Apply(c.ctx, changes); err != nil {
		return err
	}
	c.note("changes made: %d", changes.Len())
	return nil
}

// guardChanges checks changes of a table. If the table is open for writing, no other process changes it meanwhile.
func (c *command) guardChanges(t table, changes *eroute.Changes, g *guard.Guard) (*diff.Result, error) {
	if _, err := t.Check(changes); err != nil {
		return nil, err
	}
	return c.compareRunning(g, "--batch "+c.opts.Value(erouteargs.OptBatch), t, func(before *diff.Table) (*diff.Table, error) { return before.With(changes) })
}

// noteChanges prints the changes as debug messages.
func (c *command) noteChanges(changes *eroute.Changes) {
	for _, change := range changes.All() {
		s := change.Selector
		c.note("%v: %v -> %v protocol %d ports %d -> %d", change.Op, s.Src, s.Dst, s.Proto, s.SrcPort, s.DstPort)
	}
}

// check reports whether the changes could be applied to the current table, and their effect. Like the changes, it
// requires a table for deletions but not for additions.
func (c *command) check(changes *eroute.Changes, g *guard.Guard) (err error) {
	session := c.session()
	t, err := c.openForReading()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	effect, err := t.Check(changes)
	if err != nil {
		return err
	}
	session.Changes(t, changes)
	var next *diff.Table
	result, err := c.compareRunning(g, "--batch "+c.opts.Value(erouteargs.OptBatch), t, func(before *diff.Table) (*diff.Table, error) {
		next, err = before.With(changes)
		return next, err
	})
	if err != nil {
		return err
	}
	return errors.Join(c.printEffect(effect), c.painter().Summary(c.out, result), c.writeCost(next))
}

// makesTable reports whether the changes create a table where there is none.
func makesTable(changes *eroute.Changes) bool {
	for _, change := range changes.All() {
		if change.Op == eroute.OpAdd || change.Op == eroute.OpReplace {
			return true
		}
	}
	return false
}
