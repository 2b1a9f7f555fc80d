// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/internal/render"
	"github.com/ipsec-eroute/eroute/pkg/diff"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// runningTable is the name of this network namespace's table in --diff.
const runningTable = "running"

// diffOptions define the verdict for packets that no eroute matches: they are dropped.
var diffOptions = diff.Options{Unmatched: diff.Dropped}

// runDiff implements --diff: the packets whose verdict changes when the second table replaces the first.
func runDiff(c *command) error {
	names := c.opts.Values(OptDiff)
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
	result, err := diff.Compare(c.ctx, tables[0], tables[1], diffOptions)
	if err != nil {
		return err
	}
	if c.opts.Has(OptJSON) {
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
		if b.err != nil {
			return nil, b.err
		}
		for i, change := range b.changes.All() {
			if change.Op != eroute.OpAdd {
				return nil, b.notAdd(i)
			}
			d.Add(change.Selector, change.SAID)
		}
		lines = append(lines, b.lines...)
	}
	err := d.Sort()
	if twice, ok := errors.AsType[*diff.DuplicateError](err); ok {
		err = fmt.Errorf("--%w", &eroute.ChangeError{Change: eroute.Change{Op: eroute.OpAdd, Selector: twice.Selector}, Err: eroute.ErrExist})
		err = &lineError{"--diff " + name, int(lines[twice.Index]), err}
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

// table returns the table that the file describes.
func (b *batch) table() (*diff.Table, error) {
	d := &diff.Table{}
	for i, change := range b.changes.All() {
		if change.Op != eroute.OpAdd {
			return nil, b.notAdd(i)
		}
		d.Add(change.Selector, change.SAID)
	}
	if err := d.Sort(); err != nil {
		if twice, ok := errors.AsType[*diff.DuplicateError](err); ok {
			err = b.refusal(&eroute.ChangeError{Index: twice.Index, Change: b.changes.At(twice.Index), Err: eroute.ErrExist})
		}
		return nil, err
	}
	return d, nil
}

// notAdd returns the error of a change other than --add in a file that describes a table.
func (b *batch) notAdd(i int) error {
	return &lineError{b.file, int(b.lines[i]), fmt.Errorf("--%v: only --add lines are allowed in a table file", b.changes.At(i).Op)}
}

// sideName returns the name of a table in the output of --diff.
func sideName(name string) string {
	switch name {
	case runningTable:
		return "running table"
	case "-":
		return "standard input"
	}
	return oneLine(name)
}
