// SPDX-License-Identifier: Apache-2.0

package main

import "errors"

// runAttach is --attach: it makes an ipsec device. What the kernel lacks for it is told
// on stderr, but is no error.
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
