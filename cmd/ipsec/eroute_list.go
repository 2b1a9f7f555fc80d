// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/internal/render"
	"io"
)

// runList prints the eroutes of the table that match the filter options.
func runList(c *command) error {
	filter, err := c.parser().Filter(&c.opts)
	if err != nil {
		return err
	}
	return c.fromTable(func(t table, w io.Writer) error {
		if c.opts.Has(erouteargs.OptJSON) {
			traffic := saTraffic{open: c.env.kernel}
			err := render.EroutesJSON(w, filter.Of(t.All()), traffic.of)
			return errors.Join(err, traffic.close())
		}
		for e, err := range filter.Of(t.All()) {
			if err != nil {
				return err
			}
			line := e.String()
			if e.Followed {
				line += " followed"
			}
			if _, err := fmt.Fprintln(w, line); err != nil {
				return err
			}
		}
		return nil
	})
}
