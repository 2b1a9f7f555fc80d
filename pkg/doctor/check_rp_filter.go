// SPDX-License-Identifier: Apache-2.0

package doctor

import "fmt"

// rpFilterCheck covers %pass only: the reverse path filter does not apply to packets that XFRM has decrypted, but
// it does to replies to packets that %pass has sent in clear.
var rpFilterCheck = check{"rp-filter", "replies to %pass packets are accepted", devices, func(f *Facts) (found []Finding) {
	const strict = 1
	for _, in := range f.Interfaces {
		if !in.Physical || in.RPFilter != strict || !f.into(4) {
			continue
		}
		level := Note
		if f.reason("pass") > 0 {
			level = Problem
		}
		found = append(found, Finding{
			Level: level, Subject: in.Name,
			Text:   fmt.Sprintf("rp_filter of %s is strict", in.Name),
			Cost:   "replies to %pass packets are dropped: the route back to their source leads into the ipsec device",
			Remedy: fmt.Sprintf("sysctl -w net.ipv4.conf.%s.rp_filter=2; net.ipv4.conf.all.rp_filter must not be 1", in.Name),
		})
	}
	return found
}}
