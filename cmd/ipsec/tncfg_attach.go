// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"

	"github.com/ipsec-eroute/eroute/internal/tncfgargs"
	"github.com/ipsec-eroute/eroute/pkg/device"
)

// runAttach implements --attach: it creates an ipsec device. Missing kernel features are reported on stderr, but
// are not an error.
func runAttach(c *command) (err error) {
	config, err := tncfgargs.Device(&c.opts)
	if err != nil {
		return err
	}
	c.warnAttach(config)
	c.note("opening the table for writing")
	d, err := c.env.openDevicesWrite()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return c.attach(d, config)
}

// attach creates an ipsec device and prints the notes about it.
func (c *command) attach(d devices, config device.Config) error {
	c.note("attaching %s to %s", config.Virtual, config.Physical)
	notes, err := d.Attach(c.ctx, config)
	for _, note := range notes {
		c.printLine("note: " + note)
	}
	return err
}
