// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"io"

	"github.com/ipsec-eroute/eroute/pkg/device"
)

// Device is an ipsec device, and its differences from the interfaces.
type Device struct {
	device.Attachment
	Differences []device.Difference
}

// writeDevice writes the lines of a device, its ingress interfaces and its differences.
func writeDevice(w io.Writer, a *Device) error {
	_, err := fmt.Fprintf(w, "%s -> %s mtu=%d -> %d\n", a.Virtual, a.Physical, a.VirtualMTU, a.PhysicalMTU)
	if err == nil {
		_, err = fmt.Fprintf(w, "  %s\n", matching(a))
	}
	for _, name := range a.Also {
		if err == nil {
			_, err = fmt.Fprintf(w, "  physical %s\n", name)
		}
	}
	for _, in := range a.Ingress {
		if err == nil {
			_, err = fmt.Fprintf(w, "  ingress %s %s\n", in.Name, in.Mode)
		}
	}
	for _, differs := range a.Differences {
		if err == nil {
			_, err = fmt.Fprintf(w, "  out of sync: %s\n", differs.Text)
		}
	}
	return err
}

// matching says which packets are matched against the table.
func matching(a *Device) string {
	if !a.Watched {
		return "routed"
	}
	text := "watched unmatched=pass"
	if a.DropUnmatched {
		text = "watched unmatched=drop"
	}
	if a.Strict {
		text += " strict"
	}
	if a.Follow {
		text += " follow"
	}
	return text
}

// Devices writes the listing of ipsec devices.
func Devices(w io.Writer, all []Device) error {
	for i := range all {
		if err := writeDevice(w, &all[i]); err != nil {
			return err
		}
	}
	return nil
}
