// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
)

// runList prints the table.
func runList(c *command) (err error) {
	t, err := c.openForReading()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if c.opts.has(optJSON) {
		return writeListJSON(c.out, t)
	}
	for e, err := range t.All() {
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(c.out, e); err != nil {
			return err
		}
	}
	return nil
}
