// SPDX-License-Identifier: Apache-2.0

package erouteargs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Batch holds changes read from a file, one per line.
type Batch struct {
	File    string // with the option that named it
	Changes eroute.Changes
	Lines   []uint32 // line number of each change, from 1
	Err     error    // error after these changes
}

// Batches yields the changes of a file in chunks that are parsed on all CPUs, up to the first error. file is its
// name, for errors.
func (r *Parser) Batches(f io.Reader, file string) iter.Seq[*Batch] {
	parse := func(ctx context.Context, k Chunk) *Batch {
		return NewParser(ctx, r.resolver, r.names).batch(&k)
	}
	return func(yield func(*Batch) bool) {
		for b := range parallel(r.ctx, Chunks(f, file), parse) {
			if !yield(b) || b.Err != nil {
				return
			}
		}
	}
}

// batch parses the lines of a chunk.
func (r *Parser) batch(k *Chunk) *Batch {
	b := &Batch{File: k.file}
	b.Err = k.Each(func(number int, words []string) error {
		change, err := r.BatchLine(words)
		if err == nil {
			b.Changes.Append(change)
			b.Lines = append(b.Lines, uint32(number))
		}
		return err
	})
	return b
}

// Refusal adds the line of the refused change to an error.
func (b *Batch) Refusal(err error) error {
	if refused, ok := errors.AsType[*eroute.ChangeError](err); ok {
		return &LineError{b.File, int(b.Lines[refused.Index]), fmt.Errorf("--%w", err)}
	}
	return err
}

// BatchLine parses the words of one line, which are the options of one command.
func (r *Parser) BatchLine(words []string) (eroute.Change, error) {
	if c, ok := savedLine(words); ok {
		return c, nil
	}
	return r.anyBatchLine(words)
}

// anyBatchLine is BatchLine for any form of the options.
func (r *Parser) anyBatchLine(words []string) (eroute.Change, error) {
	p := &r.line
	if err := Options.Parse(words, 0, p); err != nil {
		return eroute.Change{}, err
	}
	action, err := batchActions.Choose(p)
	if err != nil {
		return eroute.Change{}, err
	}
	if id, ok := p.First(^batchOptions); ok {
		return eroute.Change{}, fmt.Errorf("%s: not an option of a batch line", p.Quote(id))
	}
	if action == nil {
		return eroute.Change{}, errors.New("no action: want one of --add, --replace, --del and --clear")
	}
	if err := Check(action, p, 0); err != nil {
		return eroute.Change{}, err
	}
	return r.Change(p)
}

// batchActions are the actions of a line of a batch.
var batchActions = ChangeActions[*Parser](nil)

// batchOptions are the options allowed in a line of a batch.
var batchOptions = cli.MaskOf(OptAdd, OptReplace, OptDel, OptClear) | SelectorOptions | saidOptions | acquireOptions
