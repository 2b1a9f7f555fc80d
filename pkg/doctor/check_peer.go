// SPDX-License-Identifier: Apache-2.0

package doctor

import "fmt"

var peerCheck = check{"peer", "XFRM finds routes to the peers of tunnels, and not into ipsec devices", sas, func(f *Facts) (found []Finding) {
	for _, sa := range f.SAs {
		problem := func(text, cost, remedy string) {
			found = append(found, Finding{Level: Problem, Subject: sa.SAID.String(), Text: text, Cost: cost, Remedy: remedy})
		}
		const lost = "XFRM drops its packets, counted as sa (XfrmOutBundleGenError)"
		switch {
		case !sa.Tunnel:
		case sa.Foreign.IsValid():
			problem(fmt.Sprintf("%s has the source address %s, which this gateway does not have", sa.SAID, sa.Foreign),
				lost, "make it anew with an address of the gateway, as key managers do when the address changes (MOBIKE)")
		case sa.NoRoute && sa.VRF != nil:
			problem(fmt.Sprintf("only VRF %s has a route to the peer of %s, and XFRM does not look there", sa.VRF.Name, sa.SAID),
				lost, fmt.Sprintf("%s rule add to %s lookup %d", ipOf(sa.SAID.Dst), sa.SAID.Dst, sa.VRF.Table))
		case sa.NoRoute:
			problem(fmt.Sprintf("there is no route to the peer of %s", sa.SAID), lost,
				fmt.Sprintf("%s route add %s, by its next hop", ipOf(sa.SAID.Dst), sa.SAID.Dst))
		case f.isVirtual(sa.PeerDev):
			problem(fmt.Sprintf("the peer of %s is routed into %s itself", sa.SAID, sa.PeerDev),
				"the kernel takes that for a loop and drops the tunnel's packets",
				fmt.Sprintf("ip route add %s dev PHYSICAL, by its next hop", sa.SAID.Dst))
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
