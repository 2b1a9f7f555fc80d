// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"

	"github.com/ipsec-eroute/eroute/internal/render"
	"github.com/ipsec-eroute/eroute/internal/tncfgargs"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// runListDevices prints the ipsec devices.
func runListDevices(c *command) error {
	all, err := c.describeDevices()
	if err != nil {
		return err
	}
	if c.opts.Has(tncfgargs.OptJSON) {
		return render.DevicesJSON(c.out, all)
	}
	return render.Devices(c.out, all)
}

// describeDevices returns the ipsec devices with their differences, none if there is no table.
func (c *command) describeDevices() (described []render.Device, err error) {
	err = c.readDevices(func(d devices) error {
		all, err := d.List()
		if err != nil {
			return err
		}
		for _, a := range all {
			differences, err := d.Differences(a.Virtual)
			if err != nil {
				return err
			}
			described = append(described, render.Device{Attachment: a, Differences: differences})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return described, nil
}

// listDevices returns the ipsec devices, none if there is no table.
func (c *command) listDevices() (all []device.Attachment, err error) {
	err = c.readDevices(func(d devices) (err error) {
		all, err = d.List()
		return err
	})
	return all, err
}

// readDevices calls f with the devices of the table, if there is one.
func (c *command) readDevices(f func(devices) error) (err error) {
	c.note("opening the table for reading")
	d, err := c.env.openDevicesRead()
	if errors.Is(err, loader.ErrNoTable) {
		c.note("no table in this network namespace")
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return f(d)
}
