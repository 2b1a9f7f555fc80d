// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"iter"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// batch is changes read from a file, one a line.
type batch struct {
	what, file string // what named the file, and the file
	changes    []eroute.Change
	lines      []uint32 // where each change is, from 1
}

// batchedLine is a line of such a file; err ends them.
type batchedLine struct {
	number int
	change eroute.Change
	err    error
}

// errEnough ends the reading of a file whose rest nobody wants.
var errEnough = errors.New("enough")

// runBatch is --batch: changes of which all are made or none.
func runBatch(c *command) error {
	b, err := c.readBatch("--batch", c.opts.value(optBatch))
	if err != nil {
		return err
	}
	return b.refusal(c.apply(b.changes))
}

// readBatch reads a file of changes. what is what named it, for errors.
func (c *command) readBatch(what, file string) (*batch, error) {
	b := &batch{what: what, file: file}
	for line := range ahead(c.batchLines(what, file)) {
		if line.err != nil {
			return nil, line.err
		}
		b.changes = append(b.changes, line.change)
		b.lines = append(b.lines, uint32(line.number))
	}
	return b, nil
}

// batchLines yields the changes of a file, an error in the end if there is one.
func (c *command) batchLines(what, file string) iter.Seq[batchedLine] {
	return func(yield func(batchedLine) bool) {
		r := c.parser()
		err := c.eachLine(what, file, func(number int, words []string) error {
			change, err := r.batchLine(words)
			if err == nil && !yield(batchedLine{number: number, change: change}) {
				err = errEnough
			}
			return err
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(batchedLine{err: err})
		}
	}
}

// refusal adds to the refusal of a change the line that it stands in.
func (b *batch) refusal(err error) error {
	if refused, ok := errors.AsType[*eroute.ChangeError](err); ok {
		return &lineError{b.what + " " + b.file, int(b.lines[refused.Index]), fmt.Errorf("--%w", err)}
	}
	return err
}

// batchLine parses the words of one line, which are the options of one command.
func (r *parser) batchLine(words []string) (eroute.Change, error) {
	var p parsed
	if err := erouteOptions.parse(words, 0, &p); err != nil {
		return eroute.Change{}, err
	}
	action, err := changeActions.choose(&p)
	if err != nil {
		return eroute.Change{}, err
	}
	if id, ok := p.first(^batchOptions); ok {
		return eroute.Change{}, fmt.Errorf("%s: not an option of a batch line", p.quote(id))
	}
	if action == nil {
		return eroute.Change{}, errors.New("no action: want one of --add, --replace, --del and --clear")
	}
	if err := checkEroute(action, &p, 0); err != nil {
		return eroute.Change{}, err
	}
	return r.change(&p)
}

// batchOptions is what a line of a batch may hold.
var batchOptions = maskOf(optAdd, optReplace, optDel, optClear) | selectorOptions | saidOptions | askOptions
