// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/pkg/fleet"
	"github.com/ipsec-eroute/eroute/pkg/fleet/rollout"
)

var rolloutOptions = cli.Options{
	{Name: "rings", Arg: "RING,...", Group: "Options", Help: "the rings, in this order"},
	{Name: "wait", Arg: "SECONDS", Group: "Options", Help: "for all gateways of a ring to confirm; default 120"},
}

func runRollout(c *command, ctx context.Context) error {
	return c.roll(ctx, func(o *operator, rings []string) (steps []rollout.Step, err error) {
		id, err := o.store.FindRevision(ctx, c.words[0])
		for _, ring := range rings {
			steps = append(steps, rollout.Step{Ring: ring, Revision: id})
		}
		return steps, err
	})
}

func runRollback(c *command, ctx context.Context) error {
	return c.roll(ctx, func(o *operator, rings []string) ([]rollout.Step, error) {
		return rollout.Back(ctx, o.store, o.keys, rings)
	})
}

// roll runs a rollout of the steps that plan returns for the rings of the options.
func (c *command) roll(ctx context.Context, plan func(*operator, []string) ([]rollout.Step, error)) error {
	if c.value("rings") == "" {
		return errors.New("needs --rings RING,...")
	}
	rings := strings.Split(c.value("rings"), ",")
	for _, ring := range rings {
		if err := fleet.CheckName("--rings value", ring); err != nil {
			return err
		}
	}
	text := cmp.Or(c.value("wait"), "120")
	wait, err := strconv.ParseUint(text, 10, 20)
	if err != nil || wait == 0 {
		return fmt.Errorf("--wait value %q: want a number of seconds", text)
	}
	return c.asOperator(ctx, func(o *operator) error {
		key, err := o.signing()
		if err != nil {
			return err
		}
		steps, err := plan(o, rings)
		if err != nil {
			return err
		}
		for _, s := range steps { // before anything changes: the store has chosen the revision for what was typed
			_, _ = fmt.Fprintf(c.out, "ring %s: revision %s\n", s.Ring, s.Revision)
		}
		_ = c.out.Flush()
		r := rollout.Rollout{
			Store: o.store, Key: key, Keys: o.keys, Author: o.author(), Wait: time.Duration(wait) * time.Second,
			Progress: func(ring string, confirmed, of int) {
				_, _ = fmt.Fprintf(c.out, "ring %s: %d of %d gateways confirmed\n", ring, confirmed, of)
				_ = c.out.Flush()
			},
		}
		return r.Run(ctx, steps)
	})
}
