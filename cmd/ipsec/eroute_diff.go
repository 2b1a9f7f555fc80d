// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/internal/render"
	"github.com/ipsec-eroute/eroute/pkg/diff"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// runningTable is the name of this network namespace's table in --diff.
const runningTable = "running"

// runDiff implements --diff: the packets whose verdict changes when the second table replaces the first.
func runDiff(c *command) error {
	names := c.opts.Values(erouteargs.OptDiff)
	if len(names) == 1 {
		names = append(names, runningTable)
	}
	if names[0] == names[1] && names[0] == "-" {
		return errors.New("--diff - -: only one of the tables can be standard input")
	}
	var tables [2]*diff.Table
	for i, name := range names {
		var err error
		if tables[i], err = c.tableToCompare(name); err != nil {
			return err
		}
	}
	passes := false
	if slices.Contains(names, runningTable) {
		var err error
		if passes, err = c.passesUnmatched(); err != nil {
			return err
		}
	}
	result, err := diff.Compare(c.ctx, tables[0], tables[1], diff.Unmatched(passes))
	if err != nil {
		return err
	}
	if c.opts.Has(erouteargs.OptJSON) {
		return render.DifferenceJSON(c.out, result)
	}
	return c.painter().Difference(c.out, sideName(names[0]), sideName(names[1]), result)
}

// tableToCompare reads a file in the format of --save, or the running table.
func (c *command) tableToCompare(name string) (*diff.Table, error) {
	if name == runningTable {
		return c.readRunning()
	}
	d := &diff.Table{}
	var lines []uint32
	for b := range c.batches("--diff", name) {
		if b.Err != nil {
			return nil, b.Err
		}
		for i, change := range b.Changes.All() {
			if change.Op != eroute.OpAdd {
				return nil, b.NotAdd(i)
			}
			d.Add(change.Selector, change.SAID)
		}
		lines = append(lines, b.Lines...)
	}
	err := d.Sort()
	if twice, ok := errors.AsType[*diff.DuplicateError](err); ok {
		err = fmt.Errorf("--%w", &eroute.ChangeError{Change: eroute.Change{Op: eroute.OpAdd, Selector: twice.Selector}, Err: eroute.ErrExist})
		err = &erouteargs.LineError{File: "--diff " + name, Line: int(lines[twice.Index]), Err: err}
	}
	return d, err
}

// readRunning reads the table of this network namespace.
func (c *command) readRunning() (_ *diff.Table, err error) {
	t, err := c.openForReading()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return newDiffTable(t)
}

// passesUnmatched reports whether packets without an eroute can leave this network namespace in clear, through a watched
// interface.
func (c *command) passesUnmatched() (passes bool, err error) {
	t, err := c.openForReading()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return t.PassesUnmatched()
}

// newDiffTable reads the eroutes that commands have written, without the flows of traps.
func newDiffTable(t table) (*diff.Table, error) {
	d := &diff.Table{}
	for e, err := range t.Written() {
		if err != nil {
			return nil, err
		}
		d.Add(e.Selector, e.SAID)
	}
	return d, nil
}

// sideName returns the name of a table in the output of --diff.
func sideName(name string) string {
	switch name {
	case runningTable:
		return "running table"
	case "-":
		return "standard input"
	}
	return render.OneLine(name)
}
