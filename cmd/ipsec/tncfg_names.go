// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxDeviceName is IFNAMSIZ less the final NUL, in bytes.
const maxDeviceName = 15

// virtualName is what names of ipsec devices look like.
var virtualName = regexp.MustCompile(`^ipsec(0|[1-9][0-9]*)$`)

// checkDeviceNames refuses names that no interface can have, and uses of one
// interface that cannot be.
func checkDeviceNames(p *parsed) error {
	for _, f := range deviceFields(p) {
		if reason := badDeviceName(f.text); reason != "" {
			return fmt.Errorf("%v: %s", f, reason)
		}
	}
	virtual := p.field(tncVirtual)
	if virtual.given() && !virtualName.MatchString(virtual.text) {
		return fmt.Errorf("%v: an ipsec device is named ipsec0, ipsec1 and so on", virtual)
	}
	for _, f := range deviceFields(p) {
		if f.name != virtual.name && f.text == virtual.text {
			return fmt.Errorf("%v: is the ipsec device itself", f)
		}
	}
	ingress := slices.Sorted(slices.Values(p.lists[tncIngress]))
	for i := range ingress[:max(len(ingress)-1, 0)] {
		if ingress[i] == ingress[i+1] {
			return fmt.Errorf("--ingress given twice: %q and %q", ingress[i], ingress[i+1])
		}
	}
	return nil
}

// deviceFields returns all device names that were given.
func deviceFields(p *parsed) (fields []field) {
	for _, id := range []optionID{tncVirtual, tncPhysical} {
		if p.has(id) {
			fields = append(fields, p.field(id))
		}
	}
	for _, name := range p.lists[tncIngress] {
		fields = append(fields, field{p.name(tncIngress), name})
	}
	return fields
}

// badDeviceName returns why no interface can have the name, as dev_valid_name of the
// kernel (net/core/dev.c) says; "" if one can.
func badDeviceName(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > maxDeviceName:
		return fmt.Sprintf("an interface's name has %d bytes at the most", maxDeviceName)
	case name == "." || name == "..":
		return "is no interface's name"
	case strings.ContainsAny(name, "/: \t\n\v\f\r\x00"):
		return "an interface's name has no '/', no ':' and no blanks"
	}
	return ""
}
