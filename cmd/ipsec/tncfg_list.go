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
	if c.opts.has(tncJSON) {
		return writeDevicesJSON(c.out, all)
	}
	for _, d := range all {
		if err := writeDevice(c.out, &d); err != nil {
			return err
		}
	}
	return nil
}

// listedDevice is an ipsec device, and what of it is not in step with the interfaces.
type listedDevice struct {
	device.Attachment
	outOfStep []device.Difference
}

// writeDevice writes the line of a device, those of its ingress interfaces, and what is not in step.
func writeDevice(w io.Writer, a *listedDevice) error {
	_, err := fmt.Fprintf(w, "%s -> %s mtu=%d -> %d\n", a.Virtual, a.Physical, a.VirtualMTU, a.PhysicalMTU)
	for _, in := range a.Ingress {
		if err == nil {
			_, err = fmt.Fprintf(w, "  ingress %s %s\n", in.Name, in.Mode)
		}
	}
	for _, differs := range a.outOfStep {
		if err == nil {
			_, err = fmt.Fprintf(w, "  not in step: %s\n", differs.Text)
		}
	}
	return err
}

// describeDevices returns none if there is no table.
func (c *command) describeDevices() (described []listedDevice, err error) {
	c.note("opening the table for reading")
	d, err := c.env.openDevicesRead()
	if errors.Is(err, loader.ErrNoTable) {
		c.note("no table in this network namespace")
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	all, err := d.List()
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		outOfStep, err := d.OutOfStep(a.Virtual)
		if err != nil {
			return nil, err
		}
		described = append(described, listedDevice{a, outOfStep})
	}
	return described, nil
}

// listDevices returns none if there is no table.
func (c *command) listDevices() (_ []device.Attachment, err error) {
	c.note("opening the table for reading")
	d, err := c.env.openDevicesRead()
	if errors.Is(err, loader.ErrNoTable) {
		c.note("no table in this network namespace")
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.List()
}
