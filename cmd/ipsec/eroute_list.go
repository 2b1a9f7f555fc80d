// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
)

// runList prints the table, or those of it that the options of a filter leave.
func runList(c *command) (err error) {
	filter, err := c.parser().filter(&c.opts)
	if err != nil {
		return err
	}
	t, err := c.openForReading()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if c.opts.has(optJSON) {
		return writeListJSON(c.out, filter.of(t.All()))
	}
	for e, err := range filter.of(t.All()) {
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(c.out, e); err != nil {
			return err
		}
	}
	return nil
}
