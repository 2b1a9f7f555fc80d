// SPDX-License-Identifier: Apache-2.0

package main

import "errors"

// runSync implements --sync: it re-reads the kernel's SAs and updates the table.
func runSync(c *command) (err error) {
	t, err := c.openForChange(false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return t.Sync(c.ctx)
}
