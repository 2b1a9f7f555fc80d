// SPDX-License-Identifier: Apache-2.0

package tncfgargs

import (
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/pkg/device"
)

// Device returns the parameters of the device that --attach creates.
func Device(p *cli.Parsed) (c device.Config, err error) {
	physical := p.Values(OptPhysical)
	c = device.Config{
		Virtual: p.Value(OptVirtual), Physical: physical[0], Also: physical[1:], Ingress: p.Values(OptIngress),
		Routed: p.Has(OptRouted), Strict: p.Has(OptStrict), Follow: p.Has(OptFollow),
	}
	if err := checkRouted(c); err != nil {
		return c, err
	}
	c.DropUnmatched, err = dropsUnmatched(p.Field(OptUnmatched), c.Routed)
	return c, err
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

// The actions on packets without an eroute.
const (
	UnmatchedPass = "pass"
	UnmatchedDrop = "drop"
)

// dropsUnmatched parses what happens to packets without an eroute on a watched interface.
func dropsUnmatched(unmatched cli.Field, routed bool) (drop bool, err error) {
	switch {
	case !unmatched.Given():
		return false, nil
	case routed:
		return false, fmt.Errorf("%v: cannot be combined with routed, which watches no interface", unmatched)
	case unmatched.Text == UnmatchedDrop:
		return true, nil
	case unmatched.Text == UnmatchedPass:
		return false, nil
	}
	return false, fmt.Errorf("%v: must be pass or drop", unmatched)
}
