// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"github.com/ipsec-eroute/eroute/internal/cli"
	"regexp"
	"slices"
	"strings"
)

// maxDeviceName is IFNAMSIZ minus the final NUL, in bytes.
const maxDeviceName = 15

// virtualName matches the names of ipsec devices.
var virtualName = regexp.MustCompile(`^ipsec(0|[1-9][0-9]*)$`)

// deviceNames are the interfaces of an ipsec device, as typed.
type deviceNames struct {
	virtual, physical cli.Field
	ingress           []cli.Field
}

// deviceNamesOf returns the names on the command line.
func deviceNamesOf(p *cli.Parsed) deviceNames {
	names := deviceNames{virtual: p.Field(tncVirtual), physical: p.Field(tncPhysical)}
	for _, name := range p.Values(tncIngress) {
		names.ingress = append(names.ingress, cli.Field{Name: p.Name(tncIngress), Text: name})
	}
	return names
}

// check refuses names that no interface can have, and invalid combinations.
func (d deviceNames) check() error {
	all := append([]cli.Field{d.virtual, d.physical}, d.ingress...)
	for _, f := range all {
		if reason := badDeviceName(f.Text); f.Given() && reason != "" {
			return fmt.Errorf("%v: %s", f, reason)
		}
	}
	if d.virtual.Given() && !virtualName.MatchString(d.virtual.Text) {
		return fmt.Errorf("%v: must be ipsec0, ipsec1, ...", d.virtual)
	}
	for _, f := range all[1:] {
		if f.Given() && f.Text == d.virtual.Text {
			return fmt.Errorf("%v: must not be the ipsec device", f)
		}
	}
	for i, f := range d.ingress {
		if slices.Contains(d.ingress[:i], f) {
			return fmt.Errorf("%s given twice: %q and %q", f.Name, f.Text, f.Text)
		}
	}
	return nil
}

// badDeviceName returns why no interface can have the name, according to dev_valid_name in net/core/dev.c of the
// kernel; "" if one can.
func badDeviceName(name string) string {
	switch {
	case name == "":
		return "must not be empty"
	case len(name) > maxDeviceName:
		return fmt.Sprintf("longer than %d bytes", maxDeviceName)
	case name == "." || name == "..":
		return "not a valid interface name"
	case strings.ContainsAny(name, "/: \t\n\v\f\r\x00"):
		return "contains '/', ':' or white space"
	}
	return ""
}
