// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/ipsec-eroute/eroute/internal/emptytable"
	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/internal/guard"
	"github.com/ipsec-eroute/eroute/pkg/diff"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/revision"
)

// runRestore implements --restore: it atomically replaces the table with one written by --save. With --check it
// only checks it.
func runRestore(c *command) error {
	g, err := c.newGuard()
	if err != nil {
		return err
	}
	file := c.opts.Value(erouteargs.OptRestore)
	as, err := c.revision()
	if err != nil {
		return err
	}
	switch {
	case c.opts.Has(erouteargs.OptCheck):
		return c.tryRestore(file, &g)
	case g.Needed():
		return c.restoreGuarded("--restore", file, as, &g)
	}
	return c.restore("--restore", file, as)
}

// revision returns the revision of --revision, nil if it is not given.
func (c *command) revision() (*revision.Revision, error) {
	f := c.opts.Field(erouteargs.OptRevision)
	if !f.Given() {
		return nil, nil
	}
	r, err := revision.Parse(f.Text)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", f, err)
	}
	return &r, nil
}

// commit replaces the table with eroutes, as a revision if it is not nil.
func (c *command) commit(t table, eroutes iter.Seq2[eroute.Change, error], as *revision.Revision) (err error) {
	if as != nil {
		_, err = t.RestoreAs(c.ctx, eroutes, *as)
	} else {
		_, err = t.Restore(c.ctx, eroutes, true)
	}
	return err
}

// restore replaces the table with that of a file. what is the option that named the file, for errors.
func (c *command) restore(what, file string, as *revision.Revision) (err error) {
	if file == "-" { // it can come slowly, or never end: the table is locked afterwards
		text, err := io.ReadAll(c.env.stdin)
		if err != nil {
			return fmt.Errorf("%s -: %w", what, err)
		}
		c.env.stdin = bytes.NewReader(text)
	}
	session := c.session()
	t, err := c.openForChange(true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	lines := saved{c: c, what: what, file: file}
	err = c.commit(t, session.Restore(t, lines.all()), as)
	if refused, ok := errors.AsType[*eroute.ChangeError](err); ok {
		err = &erouteargs.LineError{File: what + " " + file, Line: lines.number, Err: fmt.Errorf("--%w", refused)}
	}
	return err
}

// wholeTable is a file that is going to replace the table.
type wholeTable struct {
	*erouteargs.Batch
	table *diff.Table
}

func (c *command) readWholeTable(what, file string) (*wholeTable, error) {
	b, err := c.readBatch(what, file)
	if err != nil {
		return nil, err
	}
	t, err := b.Table()
	return &wholeTable{b, t}, err
}

// compare checks the changes when the file replaces a table.
func (w *wholeTable) compare(c *command, t table, g *guard.Guard) (*diff.Result, error) {
	return c.compareRunning(g, w.File, t, func(*diff.Table) (*diff.Table, error) { return w.table, nil })
}

// tryRestore implements --restore --check.
func (c *command) tryRestore(file string, g *guard.Guard) (err error) {
	next, err := c.readWholeTable("--restore", file)
	if err != nil {
		return err
	}
	session := c.session()
	t, err := c.openForChange(false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	effect, err := t.Restore(c.ctx, session.Restore(t, next.All()), false)
	if err != nil {
		return next.Refusal(err)
	}
	result, err := next.compare(c, t, g)
	if err != nil {
		return err
	}
	return errors.Join(c.printEffect(effect), c.painter().Summary(c.out, result), c.writeCost(next.table))
}

// restoreGuarded is restore if the guard allows it. It reads the file before it opens the table; comparing and
// restoring are atomic with respect to other writers.
func (c *command) restoreGuarded(what, file string, as *revision.Revision, g *guard.Guard) (err error) {
	next, err := c.readWholeTable(what, file)
	if err != nil {
		return err
	}
	guarded := func(t table) error {
		_, err := next.compare(c, t, g)
		return err
	}
	if err := c.guardNoTable(guarded); err != nil {
		return err
	}
	session := c.session()
	t, err := c.openForChange(true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if err := guarded(t); err != nil {
		return err
	}
	return next.Refusal(c.commit(t, session.Restore(t, next.All()), as))
}

// guardNoTable runs a check if there is no table, so that a refused change does not create one.
func (c *command) guardNoTable(check func(table) error) error {
	t, err := c.openForReading()
	if err != nil {
		return err
	}
	if t == (emptytable.Table{}) {
		return check(t)
	}
	return t.Close()
}

// saved reads the lines of a file written by --save.
type saved struct {
	c          *command
	what, file string
	number     int // of the last line read
}

// all yields the eroutes of the file, and finally an error if there is one.
func (s *saved) all() iter.Seq2[eroute.Change, error] {
	return func(yield func(eroute.Change, error) bool) {
		for b := range s.c.batches(s.what, s.file) {
			for i, change := range b.Changes.All() {
				s.number = int(b.Lines[i])
				if change.Op != eroute.OpAdd {
					yield(change, b.NotAdd(i))
					return
				}
				if !yield(change, nil) {
					return
				}
			}
			if b.Err != nil {
				yield(eroute.Change{}, b.Err)
			}
		}
	}
}

// printEffect prints the effect of a change that is only checked.
func (c *command) printEffect(e maps.Effect) error {
	_, err := fmt.Fprintf(c.out, "would add %d, change %d, delete %d and keep %d\n", e.Added, e.Changed, e.Deleted, e.Kept)
	return err
}
