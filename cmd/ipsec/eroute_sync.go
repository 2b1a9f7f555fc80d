// SPDX-License-Identifier: Apache-2.0

package main

import "errors"

// runSync is --sync: it looks anew which of the SAs that eroutes name exist.
func runSync(c *command) (err error) {
	t, err := c.openForChange(false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return t.Sync(c.ctx)
}
