// SPDX-License-Identifier: Apache-2.0

package main

import "errors"

// runUpgrade implements --upgrade: it replaces the running programs with those of this version.
func runUpgrade(c *command) (err error) {
	d, err := c.openDevices()
	if err != nil || d == nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	c.note("replacing the programs of all devices")
	return d.Upgrade()
}
