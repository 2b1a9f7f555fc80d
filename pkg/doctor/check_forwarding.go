// SPDX-License-Identifier: Apache-2.0

package doctor

import "fmt"

var forwardingCheck = check{"forwarding", "forwarding is enabled", devices, func(f *Facts) (found []Finding) {
	ingress, some := false, f.Forward4 // the sysctl of an interface can be 1 although that of all is 0
	for _, in := range f.Interfaces {
		ingress, some = ingress || in.Ingress, some || in.Exists && in.Forward4
	}
	level := Note // the gateway may handle only its own packets
	if ingress {
		level = Problem
	}
	off := func(subject, sysctl string) {
		found = append(found, Finding{
			Level: level, Subject: subject, Text: sysctl + " is 0", Cost: "packets are not forwarded",
			Remedy: "sysctl -w " + sysctl + "=1",
		})
	}
	if f.handles(4) && !some {
		off("", "net.ipv4.ip_forward")
	} else if f.handles(4) {
		for _, in := range f.Interfaces {
			if in.Exists && !in.Forward4 {
				off(in.Name, fmt.Sprintf("net.ipv4.conf.%s.forwarding", in.Name))
			}
		}
	}
	if f.handles(6) && !f.Forward6 {
		off("", "net.ipv6.conf.all.forwarding")
	}
	return found
}}

// handles reports whether IPv4 or IPv6 packets are matched against the table.
func (f *Facts) handles(version int) bool {
	return f.into(version) || version == 4 && f.Eroutes4 || version == 6 && f.Eroutes6
}

// into reports whether IPv4 or IPv6 routes lead into an ipsec device.
func (f *Facts) into(version int) bool {
	for _, r := range f.Routes {
		if r.IPsec && r.Dst.Addr().Is4() == (version == 4) {
			return true
		}
	}
	return false
}
