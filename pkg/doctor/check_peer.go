// SPDX-License-Identifier: Apache-2.0

package doctor

import "fmt"

var peerCheck = check{"peer", "XFRM has routes to tunnel peers, none of them into an ipsec device", sas, func(f *Facts) (found []Finding) {
	for _, sa := range f.SAs {
		problem := func(text, cost, remedy string) {
			found = append(found, Finding{Level: Problem, Subject: sa.SAID.String(), Text: text, Cost: cost, Remedy: remedy})
		}
		const lost = "XFRM drops its packets, counted as sa (XfrmOutBundleGenError)"
		switch {
		case !sa.Tunnel:
		case sa.Foreign.IsValid():
			problem(fmt.Sprintf("%s has source address %s, which is not an address of this gateway", sa.SAID, sa.Foreign),
				lost, "recreate it with an address of the gateway, as key managers do when the address changes (MOBIKE)")
		case sa.NoRoute && sa.VRF != nil:
			problem(fmt.Sprintf("only VRF %s has a route to the peer of %s, but XFRM does not use VRF tables", sa.VRF.Name, sa.SAID),
				lost, fmt.Sprintf("%s rule add to %s lookup %d", ipOf(sa.SAID.Dst), sa.SAID.Dst, sa.VRF.Table))
		case sa.NoRoute:
			problem(fmt.Sprintf("no route to the peer of %s", sa.SAID), lost,
				fmt.Sprintf("%s route add %s via NEXTHOP", ipOf(sa.SAID.Dst), sa.SAID.Dst))
		case f.isVirtual(sa.PeerDev):
			problem(fmt.Sprintf("the peer of %s is routed into %s", sa.SAID, sa.PeerDev),
				"the kernel detects a loop and drops the tunnel's packets",
				fmt.Sprintf("ip route add %s via NEXTHOP dev PHYSICAL", sa.SAID.Dst))
		}
	}
	return found
}}

func (f *Facts) isVirtual(name string) bool {
	for _, d := range f.Devices {
		if d.Virtual == name {
			return true
		}
	}
	return false
}
