// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// batch holds changes read from a file, one per line.
type batch struct {
	file    string // with the option that named it
	changes eroute.Changes
	lines   []uint32 // line number of each change, from 1
	err     error    // error after these changes
}

// runBatch implements --batch: all changes are made, or none.
func runBatch(c *command) error {
	b, err := c.readBatch("--batch", c.opts.Value(OptBatch))
	if err != nil {
		return err
	}
	g, err := c.newGuard()
	if err != nil {
		return err
	}
	return b.refusal(c.apply(&b.changes, &g))
}

// readBatch reads a file of changes. what is the option that named it, for errors.
func (c *command) readBatch(what, file string) (*batch, error) {
	all := &batch{file: what + " " + file}
	for b := range c.batches(what, file) {
		if b.err != nil {
			return nil, b.err
		}
		all.changes.Extend(&b.changes)
		all.lines = append(all.lines, b.lines...)
	}
	return all, nil
}

// batches yields the changes of a file in chunks that are parsed on all CPUs, up to the first error.
func (c *command) batches(what, file string) iter.Seq[*batch] {
	return func(yield func(*batch) bool) {
		f, err := c.openLines(what, file)
		if err != nil {
			yield(&batch{err: err})
			return
		}
		defer func() { _ = f.Close() }()
		parse := func(ctx context.Context, k chunk) *batch {
			r := c.parser()
			r.ctx = ctx
			return r.batch(&k)
		}
		for b := range parallel(c.ctx, chunks(f, what+" "+file), parse) {
			if !yield(b) || b.err != nil {
				return
			}
		}
	}
}

// batch parses the lines of a chunk.
func (r *parser) batch(k *chunk) *batch {
	b := &batch{file: k.file}
	b.err = k.each(func(number int, words []string) error {
		change, err := r.batchLine(words)
		if err == nil {
			b.changes.Append(change)
			b.lines = append(b.lines, uint32(number))
		}
		return err
	})
	return b
}

// refusal adds the line of the refused change to an error.
func (b *batch) refusal(err error) error {
	if refused, ok := errors.AsType[*eroute.ChangeError](err); ok {
		return &lineError{b.file, int(b.lines[refused.Index]), fmt.Errorf("--%w", err)}
	}
	return err
}

// batchLine parses the words of one line, which are the options of one command.
func (r *parser) batchLine(words []string) (eroute.Change, error) {
	if c, ok := savedLine(words); ok {
		return c, nil
	}
	return r.anyBatchLine(words)
}

// anyBatchLine is batchLine for any form of the options.
func (r *parser) anyBatchLine(words []string) (eroute.Change, error) {
	p := &r.line
	if err := erouteOptions.Parse(words, 0, p); err != nil {
		return eroute.Change{}, err
	}
	action, err := changeActions.Choose(p)
	if err != nil {
		return eroute.Change{}, err
	}
	if id, ok := p.First(^batchOptions); ok {
		return eroute.Change{}, fmt.Errorf("%s: not an option of a batch line", p.Quote(id))
	}
	if action == nil {
		return eroute.Change{}, errors.New("no action: want one of --add, --replace, --del and --clear")
	}
	if err := checkEroute(action, p, 0); err != nil {
		return eroute.Change{}, err
	}
	return r.change(p)
}

// batchOptions are the options allowed in a line of a batch.
var batchOptions = cli.MaskOf(OptAdd, OptReplace, OptDel, OptClear) | selectorOptions | saidOptions | askOptions
