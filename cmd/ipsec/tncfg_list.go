// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

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
		text := fmt.Sprintf("%s -> %s mtu=%d -> %d\n", a.Virtual, a.Physical, a.VirtualMTU, a.PhysicalMTU)
		for _, in := range a.Ingress {
			text += fmt.Sprintf("  ingress %s %s\n", in.Name, in.Mode)
		}
		if _, err := c.out.WriteString(text); err != nil {
			return fmt.Errorf("write output: %v", err)
		}
	}
	return nil
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
