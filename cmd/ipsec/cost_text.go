// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/ipsec-eroute/eroute/pkg/cost"
	"github.com/ipsec-eroute/eroute/pkg/diff"
)

// writeCost reports the packets of a table with expensive lookups, if any.
func (c *command) writeCost(t *diff.Table) error {
	var all cost.Table
	for s := range t.Selectors() {
		all.Add(s)
	}
	for _, w := range all.Expensive() {
		if _, err := fmt.Fprintf(c.out, "%s\n", w.Describe(w.Time)); err != nil {
			return err
		}
	}
	return nil
}
