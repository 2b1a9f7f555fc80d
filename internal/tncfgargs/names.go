// SPDX-License-Identifier: Apache-2.0

package tncfgargs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ipsec-eroute/eroute/internal/cli"
)

// maxDeviceName is IFNAMSIZ minus the final NUL, in bytes.
const maxDeviceName = 15

// virtualName matches the names of ipsec devices.
var virtualName = regexp.MustCompile(`^ipsec(0|[1-9][0-9]*)$`)

// IsVirtual reports whether an ipsec device can have a name.
func IsVirtual(name string) bool { return virtualName.MatchString(name) }

// deviceNames are the interfaces of an ipsec device, as typed.
type deviceNames struct {
	virtual           cli.Field
	physical, ingress []cli.Field
}

// CheckNames refuses names on the command line that no interface can have, and invalid combinations.
func CheckNames(p *cli.Parsed) error {
	names := deviceNames{
		virtual:  p.Field(OptVirtual),
		physical: fields(p.Name(OptPhysical), p.Values(OptPhysical)),
		ingress:  fields(p.Name(OptIngress), p.Values(OptIngress)),
	}
	return names.check()
}

// fields returns the values of one option.
func fields(name string, values []string) (all []cli.Field) {
	for _, value := range values {
		all = append(all, cli.Field{Name: name, Text: value})
	}
	return all
}

// check refuses names that no interface can have, and invalid combinations.
func (d deviceNames) check() error {
	all := slices.Concat([]cli.Field{d.virtual}, d.physical, d.ingress)
	for _, f := range all {
		if reason := badDeviceName(f.Text); f.Given() && reason != "" {
			return fmt.Errorf("%v: %s", f, reason)
		}
	}
	if d.virtual.Given() && !IsVirtual(d.virtual.Text) {
		return fmt.Errorf("%v: must be ipsec0, ipsec1, ...", d.virtual)
	}
	for _, f := range all[1:] {
		if f.Given() && f.Text == d.virtual.Text {
			return fmt.Errorf("%v: must not be the ipsec device", f)
		}
	}
	for _, names := range [][]cli.Field{d.physical, d.ingress} {
		for i, f := range names {
			if slices.Contains(names[:i], f) {
				return fmt.Errorf("%s given twice: %q and %q", f.Name, f.Text, f.Text)
			}
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
