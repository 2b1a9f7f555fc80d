// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"
	"strings"
)

var watchCheck = check{"watch", "every ipsec device watches an interface or is routed", devices, func(f *Facts) (found []Finding) {
	for i := range f.Devices {
		found = append(found, Finding{Level: OK, Subject: f.Devices[i].Virtual, Text: f.Devices[i].mode()})
	}
	return found
}}

// mode describes which packets are matched.
func (d *Device) mode() string {
	switch {
	case !d.Watched:
		return fmt.Sprintf("%s is routed: only packets routed into it are matched; without an eroute they drop", d.Virtual)
	case d.DropUnmatched:
		return fmt.Sprintf("%s watches %s: packets without an eroute drop", d.Virtual, d.watches())
	}
	return fmt.Sprintf("%s watches %s: packets without an eroute leave as they are", d.Virtual, d.watches())
}

// watches lists the interfaces that a device watches.
func (d *Device) watches() string {
	return strings.Join(slices.Concat([]string{nameOr(d.Physical, "an interface that is gone")}, d.Also), ", ")
}
