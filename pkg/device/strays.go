// SPDX-License-Identifier: Apache-2.0

package device

import (
	"fmt"

	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// dropOrphans deletes the entries of devices and ingress interfaces that no program is attached to: those of a
// device that is being removed, or that a killed command had recorded. It also removes the routes and rules of
// such devices.
func dropOrphans(t *maps.Table) error {
	attached := map[loader.Hook]map[int]bool{loader.HookEgress: {}, loader.HookTC: {}, loader.HookWire: {}}
	virtuals, err := t.Dir().Virtuals()
	if err != nil {
		return err
	}
	for _, virtual := range virtuals {
		links, err := t.Dir().Links(virtual)
		if err != nil {
			return err
		}
		for hook, on := range attached {
			indexes, err := links.On(hook)
			if err != nil {
				return err
			}
			for _, ifindex := range indexes {
				on[ifindex] = true
			}
		}
	}
	devices, ingress, err := recorded(t)
	if err != nil {
		return err
	}
	for ifindex := range devices {
		if !attached[loader.HookEgress][ifindex] {
			if err := dropDevice(t, ifindex); err != nil {
				return err
			}
		}
	}
	watched, err := t.Watched()
	if err != nil {
		return err
	}
	for ifindex := range watched {
		if !attached[loader.HookWire][int(ifindex)] {
			if err := t.DeleteWatched(ifindex); err != nil {
				return err
			}
		}
	}
	for ifindex := range ingress {
		if !attached[loader.HookTC][ifindex] {
			if err := dropIngress(t, ifindex); err != nil {
				return err
			}
		}
	}
	return nil
}

// recorded returns the ifindexes of the devices and ingress interfaces that the maps contain.
func recorded(t *maps.Table) (devices, ingress map[int]bool, err error) {
	devices, ingress = map[int]bool{}, map[int]bool{}
	all, err := t.Devices()
	if err != nil {
		return nil, nil, fmt.Errorf("list devices: %w", err)
	}
	for device := range all {
		devices[int(device)] = true
	}
	frames, err := t.Ingress()
	if err != nil {
		return nil, nil, fmt.Errorf("list ingress interfaces: %w", err)
	}
	for key := range frames {
		ingress[int(key.Ifindex)] = true
	}
	return devices, ingress, nil
}
