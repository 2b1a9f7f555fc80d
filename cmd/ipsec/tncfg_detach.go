// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/internal/tncfgargs"
	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// runDetach implements --detach: it removes one ipsec device.
func runDetach(c *command) (err error) {
	virtual := c.opts.Field(tncfgargs.OptVirtual)
	c.warnDetach(virtual.Text)
	d, err := c.openDevices()
	if err != nil {
		return err
	}
	if d == nil {
		return fmt.Errorf("%v: %w", virtual, loader.ErrNotAttached)
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	c.note("detaching %s", virtual.Text)
	return d.Detach(c.ctx, virtual.Text)
}

// runDetachAll implements --clear: it removes all ipsec devices.
func runDetachAll(c *command) (err error) {
	c.warnDetach("")
	d, err := c.openDevices()
	if err != nil || d == nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	all, err := d.List()
	if err != nil {
		return err
	}
	for _, a := range all {
		c.note("detaching %s", a.Virtual)
		if err := d.Detach(c.ctx, a.Virtual); err != nil {
			return err
		}
	}
	return nil
}

// openDevices opens the devices of the table for writing; nil if there is no table.
func (c *command) openDevices() (devices, error) {
	d, err := c.env.openDevicesRead()
	if errors.Is(err, loader.ErrNoTable) {
		c.note("no table in this network namespace")
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := d.Close(); err != nil {
		return nil, err
	}
	c.note("opening the table for writing")
	return c.env.openDevicesWrite()
}
