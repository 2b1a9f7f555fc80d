// SPDX-License-Identifier: Apache-2.0

package device

import (
	"fmt"
	"maps"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// inbound checks that the program for what arrives is attached to the existing physical devices and to the ipsec
// device, if that is strict. A device that was created again is a difference of [follower.wire].
func (f *follower) inbound() (found []step, err error) {
	if !f.binding.Strict {
		return nil, nil
	}
	on := []netlink.Link{f.dev}
	for _, ifindex := range slices.Sorted(maps.Keys(f.binding.Watched)) {
		phys := f.find(f.binding.Watched[ifindex], ifindex)
		if phys != nil && phys.Attrs().Index == ifindex {
			on = append(on, phys)
		}
	}
	for _, l := range on {
		attached, err := f.links.IsAttached(loader.HookInbound, l.Attrs().Index)
		if err != nil {
			return nil, err
		}
		if attached {
			continue
		}
		text := fmt.Sprintf("the program that checks what arrives on %s is detached", l.Attrs().Name)
		found = append(found, step{Difference{Text: text, Cost: "packets that must be encrypted can arrive in clear"}, func() error {
			progs, err := f.pinnedWatch()
			if err != nil {
				return err
			}
			defer progs.close()
			return progs.attachTo(f.links, l)
		}})
	}
	return found, nil
}
