// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// runLimit implements --limit: it sets the maximum number of eroutes in the table.
func runLimit(c *command) (err error) {
	f := c.opts.Field(erouteargs.OptLimit)
	limit, err := eroute.ParseNumber(f.Text, 32)
	if err == nil && limit == 0 {
		err = &eroute.ValueError{Value: f.Text, Err: errors.New("must be at least 1")}
	}
	if err != nil {
		return f.Refuse(err)
	}
	t, err := c.openForChange(true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if err := t.SetLimit(uint32(limit)); err != nil {
		return fmt.Errorf("%v: %w", f, err)
	}
	return nil
}
