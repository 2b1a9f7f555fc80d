// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"net"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/ifname"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// gatherDevices reads the ipsec devices of a table.
func (f *Facts) gatherDevices(t *maps.Table) error {
	attached, err := device.List(t)
	if err != nil {
		return err
	}
	for _, a := range attached {
		d := Device{Attachment: a}
		links, err := t.Dir().Links(a.Virtual)
		if err != nil {
			return err
		}
		if d.Detached, err = links.Detached(); err != nil {
			return err
		}
		if d.Before, err = foreign(links, links.Before, loader.HookEgress, loader.HookDetour, loader.HookTC, loader.HookWire); err != nil {
			return err
		}
		if d.After, err = foreign(links, links.After, loader.HookWire); err != nil {
			return err
		}
		if err := d.gatherFilters(); err != nil {
			return err
		}
		if l, err := netlink.LinkByName(a.Virtual); err == nil {
			d.Exists, d.Up = true, l.Attrs().Flags&net.FlagUp != 0
			if d.Drift, err = device.Drift(a.Virtual); err != nil {
				return err
			}
		}
		if d.Differences, err = device.Differences(t, a.Virtual); err != nil {
			return err
		}
		if d.Stale4, err = device.StaleRoutes(unix.AF_INET, a.Physical); err != nil {
			return err
		}
		if d.Stale6, err = device.StaleRoutes(unix.AF_INET6, a.Physical); err != nil {
			return err
		}
		f.Devices = append(f.Devices, d)
	}
	return nil
}

// foreign finds the foreign programs that run before or after those of a device.
func foreign(links loader.Links, around func(loader.Hook, int) ([]ebpf.ProgramID, error), hooks ...loader.Hook) (all []Foreign, err error) {
	for _, hook := range hooks {
		on, err := links.On(hook)
		if err != nil {
			return nil, err
		}
		for _, ifindex := range on {
			name, err := ifname.Lookup(ifindex)
			if err != nil {
				continue // missing: reported by another check
			}
			ids, err := around(hook, ifindex)
			if err != nil {
				return nil, err
			}
			for _, id := range ids {
				all = append(all, Foreign{name, loader.ProgramName(uint32(id)), hook})
			}
		}
	}
	return all, nil
}
