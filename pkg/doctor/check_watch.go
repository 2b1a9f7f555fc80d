// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"
	"strings"
)

var watchCheck = check{"watch", "every ipsec device watches an interface or is routed", devices, func(f *Facts) (found []Finding) {
	for i := range f.Devices {
		d := &f.Devices[i]
		found = append(found, Finding{Level: OK, Subject: d.Virtual, Text: d.mode()})
		if d.Watched {
			found = append(found, Finding{Level: OK, Subject: d.Virtual, Text: d.inbound(f.InPolicies)})
		}
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

// inbound describes what decides on packets that arrive.
func (d *Device) inbound(policies bool) string {
	switch {
	case d.Strict:
		return d.Virtual + " is strict: packets that arrive in clear drop if their answer would be encrypted"
	case policies:
		return d.Virtual + " is not strict: XFRM's in and fwd policies decide on packets that arrive"
	}
	return d.Virtual + " is not strict, and XFRM has no in or fwd policy with an SA: packets that must be encrypted can arrive in clear"
}

// watches lists the interfaces that a device watches.
func (d *Device) watches() string {
	return strings.Join(slices.Concat([]string{nameOr(d.Physical, "an interface that is gone")}, d.Also), ", ")
}
