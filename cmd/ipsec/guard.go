// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/internal/files"
	"github.com/ipsec-eroute/eroute/internal/render"
	"github.com/ipsec-eroute/eroute/internal/tncfgargs"
	"github.com/ipsec-eroute/eroute/pkg/diff"
)

// guard restricts changes of the table. Its zero value allows all.
type guard struct {
	noNewClear string // option or setting that forbids opening clear text; "": none
	asserts    *asserts
}

// needed reports whether tables must be compared.
func (g *guard) needed() bool { return g.noNewClear != "" || g.asserts != nil }

// newGuard returns the guard that the options and the file of settings define.
func (c *command) newGuard() (g guard, err error) {
	if c.opts.Has(erouteargs.OptNoNewClear) {
		g.noNewClear = c.opts.Name(erouteargs.OptNoNewClear)
	} else if g.noNewClear, err = c.noNewClearSetting(); err != nil {
		return g, err
	}
	if c.opts.Has(erouteargs.OptAssert) {
		if file := c.opts.Value(erouteargs.OptAssert); file == "-" && (file == c.opts.Value(erouteargs.OptBatch) || file == c.opts.Value(erouteargs.OptRestore)) {
			return g, errors.New("--assert -: standard input is already used for the table")
		}
		g.asserts, err = c.readAsserts(c.opts.Value(erouteargs.OptAssert))
	}
	return g, err
}

// noNewClearSetting names the setting that forbids opening clear text, with its file; "" if it is not set or there
// is no file.
func (c *command) noNewClearSetting() (string, error) {
	f, err := c.env.openFile(c.env.settings)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", &files.Error{What: "settings", Err: err}
	}
	defer func() { _ = f.Close() }()
	cfg, err := tncfgargs.ReadFile(f, c.env.settings)
	if err != nil {
		return "", &files.Error{What: "settings " + c.env.settings, Err: err}
	}
	if !cfg.NoNewClear {
		return "", nil
	}
	return tncfgargs.NoNewClearKey + " in " + c.env.settings, nil
}

// check compares the table before and after a change. what is the operation, the prefix of errors.
func (g *guard) check(c *command, what string, before, after *diff.Table) (*diff.Result, error) {
	result, err := diff.Compare(c.ctx, before, after, diffOptions)
	if err != nil {
		return nil, err
	}
	if g.noNewClear != "" {
		if err := checkNoNewClear(result); err != nil {
			return nil, fmt.Errorf("%s: %w: refused by %s", what, err, g.noNewClear)
		}
	}
	if g.asserts == nil {
		return result, nil
	}
	return result, g.asserts.check(c, after)
}

// checkNoNewClear refuses a change that opens clear text, or may do so.
func checkNoNewClear(r *diff.Result) error {
	opens := r.OpensClear()
	if len(opens) == 0 {
		if r.Incomplete {
			return errors.New("too large to compare completely: may open clear text")
		}
		return nil
	}
	n := 0
	for _, of := range opens {
		n += len(of.Regions)
	}
	first := &opens[0].Regions[0]
	more := ""
	if n > 1 {
		more = fmt.Sprintf(" and %s more", render.Number(n-1))
	}
	return fmt.Errorf("opens clear text for %s%s, %s", render.Region(first), more, render.Example(first))
}

// compareRunning checks the replacement of a table. Returns the difference.
func (g *guard) compareRunning(c *command, what string, t table, after func(before *diff.Table) (*diff.Table, error)) (*diff.Result, error) {
	before, err := newDiffTable(t)
	if err != nil {
		return nil, err
	}
	next, err := after(before)
	if err != nil {
		return nil, err
	}
	return g.check(c, what, before, next)
}
