// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/internal/files"
	"github.com/ipsec-eroute/eroute/internal/guard"
	"github.com/ipsec-eroute/eroute/internal/tncfgargs"
	"github.com/ipsec-eroute/eroute/pkg/diff"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/follow"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// newGuard returns the guard that the options and the file of settings define.
func (c *command) newGuard() (g guard.Guard, err error) {
	if c.opts.Has(erouteargs.OptNoNewClear) {
		g.NoNewClear = c.opts.Name(erouteargs.OptNoNewClear)
	} else if g.NoNewClear, err = c.noNewClearSetting(); err != nil {
		return g, err
	}
	if c.opts.Has(erouteargs.OptAssert) {
		if file := c.opts.Value(erouteargs.OptAssert); file == "-" && (file == c.opts.Value(erouteargs.OptBatch) || file == c.opts.Value(erouteargs.OptRestore)) {
			return g, errors.New("--assert -: standard input is already used for the table")
		}
		g.Asserts, err = c.readAsserts(c.opts.Value(erouteargs.OptAssert))
	}
	return g, err
}

// readAsserts reads a file of --assert.
func (c *command) readAsserts(file string) (*guard.Asserts, error) {
	f, err := c.openLines("--assert", file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return guard.ReadAsserts(f, "--assert "+file, c.parser())
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

// withFollowed returns a table of written eroutes together with those that follow policies of XFRM next to them.
func withFollowed(written *diff.Table, policies []xfrm.Policy) (*diff.Table, error) {
	if len(policies) == 0 {
		return written, nil
	}
	own := slices.Collect(written.Selectors())
	selectors, _ := follow.Selectors(policies, own)
	is := make(map[eroute.Selector]bool, len(own))
	for _, s := range own {
		is[s] = true
	}
	followed := &eroute.Changes{}
	for _, s := range selectors {
		if !is[s] {
			followed.Append(eroute.Change{Op: eroute.OpAdd, Selector: s, SAID: eroute.XFRM})
		}
	}
	return written.With(followed)
}

// compareRunning checks the replacement of the eroutes that commands have written. Returns the difference, in which the
// eroutes count that follow policies of XFRM.
func (c *command) compareRunning(g *guard.Guard, what string, t table, after func(before *diff.Table) (*diff.Table, error)) (*diff.Result, error) {
	before, err := newDiffTable(t)
	if err != nil {
		return nil, err
	}
	next, err := after(before)
	if err != nil {
		return nil, err
	}
	policies, err := t.PoliciesToFollow()
	if err != nil {
		return nil, err
	}
	for _, d := range []**diff.Table{&before, &next} {
		if *d, err = withFollowed(*d, policies); err != nil {
			return nil, err
		}
	}
	if g.PassesUnmatched, err = t.PassesUnmatched(); err != nil {
		return nil, err
	}
	return g.Check(c.ctx, what, before, next)
}
