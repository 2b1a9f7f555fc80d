// SPDX-License-Identifier: Apache-2.0

package main

import "errors"

// runAttach implements --attach: it creates an ipsec device. Missing kernel features are reported on stderr, but
// are not an error.
func runAttach(c *command) (err error) {
	c.note("opening the table for writing")
	d, err := c.env.openDevicesWrite()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	virtual, physical := c.opts.Value(tncVirtual), c.opts.Value(tncPhysical)
	c.note("attaching %s to %s", virtual, physical)
	notes, err := d.Attach(c.ctx, virtual, physical, c.opts.Values(tncIngress))
	for _, note := range notes {
		c.say("note: " + note)
	}
	return err
}
