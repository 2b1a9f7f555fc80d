// SPDX-License-Identifier: Apache-2.0

package doctor

import "fmt"

// precedenceCheck finds XFRM policies that apply to packets before they reach a watched interface.
var precedenceCheck = check{"precedence", "no XFRM policy applies before the eroutes", (*Facts).anyWatched, func(f *Facts) (found []Finding) {
	if p := f.Preceding; p != nil {
		found = append(found, Finding{
			Level: Note, Subject: p.Policy.Src.String() + " -> " + p.Policy.Dst.String(),
			Text:   fmt.Sprintf("the XFRM policy %s -> %s applies before the eroute %s -> %s", p.Policy.Src, p.Policy.Dst, p.Eroute.Src, p.Eroute.Dst),
			Cost:   "XFRM encrypts or holds these packets before they reach the watched interface, whatever their eroutes say",
			Remedy: fmt.Sprintf("let the key manager install no outbound policies (strongSwan: policies = no), delete the policy, or: ip route add %s dev %s", p.Policy.Dst, f.Devices[0].Virtual),
		})
	}
	return found
}}
