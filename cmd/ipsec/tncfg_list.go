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
	all, err := c.listDevices()
	if err != nil {
		return err
	}
	if c.opts.has(tncJSON) {
		return writeDevicesJSON(c.out, all)
	}
	for _, a := range all {
		if err := writeDevice(c.out, &a); err != nil {
			return err
		}
	}
	return nil
}

// writeDevice writes the line of a device and those of its ingress interfaces.
func writeDevice(w io.Writer, a *device.Attachment) error {
	_, err := fmt.Fprintf(w, "%s -> %s mtu=%d -> %d\n", a.Virtual, a.Physical, a.VirtualMTU, a.PhysicalMTU)
	for _, in := range a.Ingress {
		if err == nil {
			_, err = fmt.Fprintf(w, "  ingress %s %s\n", in.Name, in.Mode)
		}
	}
	return err
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
