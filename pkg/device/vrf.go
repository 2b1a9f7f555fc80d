// SPDX-License-Identifier: Apache-2.0

package device

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

// joinVRF puts an ipsec device into the VRF of its physical devices, if they have the same: decrypted packets
// arrive on the ipsec device, and are then routed like those that arrive on a physical device in clear.
func joinVRF(dev netlink.Link, wans []netlink.Link) error {
	master := wans[0].Attrs().MasterIndex
	for _, wan := range wans {
		if wan.Attrs().MasterIndex != master {
			return nil
		}
	}
	if master == 0 {
		return nil
	}
	vrf, err := netlink.LinkByIndex(master)
	if err != nil {
		return fmt.Errorf("find the master of %s: %w", wans[0].Attrs().Name, err)
	}
	if vrf.Type() != "vrf" {
		return nil
	}
	if err := netlink.LinkSetMaster(dev, vrf); err != nil {
		return fmt.Errorf("put %s into the VRF %s: %w", dev.Attrs().Name, vrf.Attrs().Name, err)
	}
	return nil
}
