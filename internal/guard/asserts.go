// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/internal/render"
	"github.com/ipsec-eroute/eroute/pkg/diff"
)

// Asserts is a file of --assert: required verdicts of packets.
type Asserts struct {
	file  string // with the option that named it
	all   []diff.Assertion
	lines []int // line number of each assertion, from 1
}

// ReadAsserts reads a file of --assert. file is its name, with the option that named it.
func ReadAsserts(f io.Reader, file string, r *erouteargs.Parser) (*Asserts, error) {
	a := &Asserts{file: file}
	for k := range erouteargs.Chunks(f, a.file) {
		err := k.Each(func(number int, words []string) error {
			assertion, err := r.AssertLine(words)
			a.all, a.lines = append(a.all, assertion), append(a.lines, number)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Check refuses a table that violates an assertion.
func (a *Asserts) Check(ctx context.Context, t *diff.Table, o diff.Options) error {
	failures, err := t.Assert(ctx, a.all, o)
	if len(failures) > 0 {
		first := &failures[0]
		assertion := &a.all[first.Index]
		text := fmt.Sprintf("not all packets of %s would be %v: %s matches %v",
			render.Selector(assertion.Selector), assertion.Want, render.Packet(first.Witness), first.Got)
		if more := len(failures) - 1; more > 0 {
			text += fmt.Sprintf("; %s assertions fail", render.Number(more+1))
		}
		return &erouteargs.LineError{File: a.file, Line: a.lines[first.Index], Err: errors.New(text)}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", a.file, err)
	}
	return nil
}
