// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"iter"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// runRestore is --restore: what --save has written becomes the table, in one step. With
// --check it is only tried.
func runRestore(c *command) error {
	effect, err := c.restore("--restore", c.opts.value(optRestore), !c.opts.has(optCheck))
	if err == nil && c.opts.has(optCheck) {
		err = c.printEffect(effect)
	}
	return err
}

// restore puts the table of a file in the place of the one there is. what is what named
// the file, for errors.
func (c *command) restore(what, file string, commit bool) (effect maps.Effect, err error) {
	t, err := c.openForChange(commit)
	if err != nil {
		return effect, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	lines := saved{c: c, what: what, file: file}
	effect, err = t.Restore(c.ctx, lines.all(), commit)
	if refused, ok := errors.AsType[*eroute.ChangeError](err); ok {
		err = &lineError{what + " " + file, lines.number, fmt.Errorf("--%w", refused)}
	}
	return effect, err
}

// saved is the lines of a file that --save has written.
type saved struct {
	c          *command
	what, file string
	number     int // of the line last read
}

// all yields the eroutes of the file, an error in the end if there is one.
func (s *saved) all() iter.Seq2[eroute.Change, error] {
	return func(yield func(eroute.Change, error) bool) {
		for b := range s.c.batches(s.what, s.file) {
			for i, change := range b.changes.All() {
				s.number = int(b.lines[i])
				if change.Op != eroute.OpAdd {
					yield(change, &lineError{b.file, s.number, fmt.Errorf("--%v: a whole table is made of --add lines", change.Op)})
					return
				}
				if !yield(change, nil) {
					return
				}
			}
			if b.err != nil {
				yield(eroute.Change{}, b.err)
			}
		}
	}
}

// printEffect says what a change that is only checked would do.
func (c *command) printEffect(e maps.Effect) error {
	_, err := fmt.Fprintf(c.out, "would add %d, change %d, delete %d and keep %d\n", e.Added, e.Changed, e.Deleted, e.Kept)
	return err
}
