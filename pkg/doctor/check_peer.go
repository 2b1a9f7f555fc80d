// SPDX-License-Identifier: Apache-2.0

package doctor

import "fmt"

var peerCheck = check{"peer", "peers of tunnels are not routed into ipsec devices", sas, func(f *Facts) (found []Finding) {
	for _, sa := range f.SAs {
		for _, d := range f.Devices {
			if sa.Tunnel && sa.PeerDev == d.Virtual {
				found = append(found, Finding{
					Level: Problem, Subject: sa.SAID.String(),
					Text:   fmt.Sprintf("the peer of %s is routed into %s itself", sa.SAID, d.Virtual),
					Cost:   "the kernel takes that for a loop and drops the tunnel's packets",
					Remedy: fmt.Sprintf("ip route add %s dev PHYSICAL, by its next hop", sa.SAID.Dst),
				})
			}
		}
	}
	return found
}}
