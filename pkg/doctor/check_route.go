// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"

	"golang.org/x/sys/unix"
)

var routeCheck = check{"route", "routes lead into the ipsec devices", routed, func(f *Facts) (found []Finding) {
	for _, d := range f.Devices {
		if d.Exists && !d.Watched && !f.has(d.Virtual) {
			found = append(found, Finding{
				Level: Problem, Subject: d.Virtual, Text: fmt.Sprintf("no route leads into %s", d.Virtual),
				Cost: "no packet is matched against the table", Remedy: fmt.Sprintf("ip route add PREFIX dev %s, or attach it without --routed", d.Virtual),
			})
		}
	}
	for _, r := range f.Routes {
		t := r.Taken
		if !f.intoRouted(&r) || t == nil || f.isWatched(t.Dev) || t.IPsec || t.Table == unix.RT_TABLE_LOCAL {
			continue
		}
		if t.Table == r.Table && t.Dst.Bits() > r.Dst.Bits() {
			continue // an intended exception
		}
		found = append(found, Finding{
			Level: Problem, Subject: r.Dst.String(),
			Text: fmt.Sprintf("packets to %s leave through %s by a route of table %d, not through %s", r.Dst, nameOr(t.Dev, "another interface"), t.Table, r.Dev),
			Cost: "these packets are not matched against the table and may leave in clear",
			Remedy: fmt.Sprintf("delete the route to %s in table %d, or the rule for it (strongSwan: charon.install_routes = no; libreswan: leftupdown=)",
				t.Dst, t.Table),
		})
	}
	return found
}}

func (f *Facts) has(virtual string) bool {
	for _, r := range f.Routes {
		if r.IPsec && r.Dev == virtual {
			return true
		}
	}
	return false
}

func nameOr(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return name
}
