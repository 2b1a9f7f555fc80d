// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/pkg/device"
)

// runAttach implements --attach: it creates an ipsec device. Missing kernel features are reported on stderr, but
// are not an error.
func runAttach(c *command) (err error) {
	physical := c.opts.Values(tncPhysical)
	config := device.Config{
		Virtual: c.opts.Value(tncVirtual), Physical: physical[0], Also: physical[1:], Ingress: c.opts.Values(tncIngress),
		Routed: c.opts.Has(tncRouted), Strict: c.opts.Has(tncStrict), Follow: c.opts.Has(tncFollow),
	}
	if err := checkRouted(config); err != nil {
		return err
	}
	if config.DropUnmatched, err = dropsUnmatched(c.opts.Field(tncUnmatched), config.Routed); err != nil {
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

// checkRouted refuses options of watched interfaces without watching them.
func checkRouted(c device.Config) error {
	if c.Routed && len(c.Also) > 0 {
		return fmt.Errorf("physical %q: routed takes one physical interface", c.Also[0])
	}
	if c.Routed && c.Strict {
		return errors.New("strict cannot be combined with routed, which watches no interface")
	}
	if c.Routed && c.Follow {
		return errors.New("follow cannot be combined with routed, which watches no interface")
	}
	return nil
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

// The actions on packets without an eroute.
const (
	unmatchedPass = "pass"
	unmatchedDrop = "drop"
)

// dropsUnmatched parses what happens to packets without an eroute on a watched interface.
func dropsUnmatched(unmatched cli.Field, routed bool) (drop bool, err error) {
	switch {
	case !unmatched.Given():
		return false, nil
	case routed:
		return false, fmt.Errorf("%v: cannot be combined with routed, which watches no interface", unmatched)
	case unmatched.Text == unmatchedDrop:
		return true, nil
	case unmatched.Text == unmatchedPass:
		return false, nil
	}
	return false, fmt.Errorf("%v: must be pass or drop", unmatched)
}
