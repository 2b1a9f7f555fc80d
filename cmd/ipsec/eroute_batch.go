// SPDX-License-Identifier: Apache-2.0

package main

import (
	"iter"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
)

// runBatch implements --batch: all changes are made, or none.
func runBatch(c *command) error {
	b, err := c.readBatch("--batch", c.opts.Value(erouteargs.OptBatch))
	if err != nil {
		return err
	}
	g, err := c.newGuard()
	if err != nil {
		return err
	}
	return b.Refusal(c.apply(&b.Changes, &g))
}

// readBatch reads a file of changes. what is the option that named it, for errors.
func (c *command) readBatch(what, file string) (*erouteargs.Batch, error) {
	all := &erouteargs.Batch{File: what + " " + file}
	for b := range c.batches(what, file) {
		if b.Err != nil {
			return nil, b.Err
		}
		all.Changes.Extend(&b.Changes)
		all.Lines = append(all.Lines, b.Lines...)
	}
	return all, nil
}

// batches yields the changes of a file as [erouteargs.Parser.Batches] does.
func (c *command) batches(what, file string) iter.Seq[*erouteargs.Batch] {
	return func(yield func(*erouteargs.Batch) bool) {
		f, err := c.openLines(what, file)
		if err != nil {
			yield(&erouteargs.Batch{Err: err})
			return
		}
		defer func() { _ = f.Close() }()
		c.parser().Batches(f, what+" "+file)(yield)
	}
}
