// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// runListDevices prints the ipsec devices.
func runListDevices(c *command) error {
	all, err := c.describeDevices()
	if err != nil {
		return err
	}
	if c.opts.Has(tncJSON) {
		return writeDevicesJSON(c.out, all)
	}
	for _, d := range all {
		if err := writeDevice(c.out, &d); err != nil {
			return err
		}
	}
	return nil
}

// listedDevice is an ipsec device, and how it differs from the interfaces.
type listedDevice struct {
	device.Attachment
	outOfStep []device.Difference
}

// writeDevice writes the lines of a device, its ingress interfaces and its differences.
func writeDevice(w io.Writer, a *listedDevice) error {
	_, err := fmt.Fprintf(w, "%s -> %s mtu=%d -> %d\n", a.Virtual, a.Physical, a.VirtualMTU, a.PhysicalMTU)
	for _, in := range a.Ingress {
		if err == nil {
			_, err = fmt.Fprintf(w, "  ingress %s %s\n", in.Name, in.Mode)
		}
	}
	for _, differs := range a.outOfStep {
		if err == nil {
			_, err = fmt.Fprintf(w, "  out of sync: %s\n", differs.Text)
		}
	}
	return err
}

// describeDevices returns none if there is no table.
func (c *command) describeDevices() (described []listedDevice, err error) {
	err = c.readDevices(func(d devices) error {
		all, err := d.List()
		if err != nil {
			return err
		}
		for _, a := range all {
			outOfStep, err := d.OutOfStep(a.Virtual)
			if err != nil {
				return err
			}
			described = append(described, listedDevice{a, outOfStep})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return described, nil
}

// listDevices returns none if there is no table.
func (c *command) listDevices() (all []device.Attachment, err error) {
	err = c.readDevices(func(d devices) (err error) {
		all, err = d.List()
		return err
	})
	return all, err
}

// readDevices runs f on the devices of the table, if there is one.
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
