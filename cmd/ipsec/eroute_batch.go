// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// runBatch is --batch: changes, one a line, of which all are made or none.
func runBatch(c *command) error {
	var (
		file    = c.opts.value(optBatch)
		changes []eroute.Change
		lines   []int
		r       = c.parser()
	)
	err := c.eachLine(file, func(number int, words []string) error {
		change, err := r.batchLine(words)
		changes = append(changes, change)
		lines = append(lines, number)
		return err
	})
	if err != nil {
		return err
	}
	err = c.apply(changes)
	if refused, ok := errors.AsType[*eroute.ChangeError](err); ok {
		return &lineError{file, lines[refused.Index], fmt.Errorf("--%w", err)}
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

// openBatch opens the file of --batch, "-" for standard input.
func (c *command) openBatch(file string) (io.ReadCloser, error) {
	if file == "-" {
		return io.NopCloser(c.env.stdin), nil
	}
	f, err := c.env.openFile(file)
	if err != nil {
		return nil, &fileError{"--batch", err}
	}
	return f, nil
}
