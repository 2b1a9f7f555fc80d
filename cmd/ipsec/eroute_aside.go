// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// runSetAside implements --set-aside.
func runSetAside(c *command) error { return setAside(c, erouteargs.OptSetAside, true) }

// runPutBack implements --put-back.
func runPutBack(c *command) error { return setAside(c, erouteargs.OptPutBack, false) }

// setAside makes groups ignore the SA that an option names, or use it again. It reports eroutes that name the SA alone
// on standard error, because they still use it.
func setAside(c *command, option cli.ID, aside bool) (err error) {
	f := c.opts.Field(option)
	said, err := eroute.ParseSAID(c.ctx, f.Text, c.env.resolver)
	if err == nil && (said.IsGroup() || said.Action() != eroute.ActionSA) {
		err = &eroute.ValueError{Value: f.Text, Err: errors.New("must be one SA")}
	}
	if err != nil {
		return f.Refuse(err)
	}
	t, err := c.openForChange(false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	alone, err := t.SetAside(said, aside)
	if err != nil {
		return fmt.Errorf("%v: %w", f, err)
	}
	if aside && alone > 0 {
		_, err = fmt.Fprintf(c.env.stderr, "ipsec eroute: %v: %d eroutes without a group still use this SA\n", f, alone)
	}
	return err
}
