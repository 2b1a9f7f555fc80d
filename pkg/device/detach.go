// SPDX-License-Identifier: Apache-2.0

package device

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// Detach removes an ipsec device and everything that Attach created for it; the table stays. The device is
// deleted first, together with the routes into it: the traffic that they protected then follows the remaining
// routes. Detach returns loader.ErrNotAttached if there is no such device.
func Detach(_ context.Context, t *maps.Table, virtual string) error {
	if _, err := t.Dir().Links(virtual); err != nil {
		return fmt.Errorf("--virtual %s: %w", virtual, err)
	}
	// Without the privilege to delete the device, leave its programs attached.
	if err := removeLeftover(virtual); errors.Is(err, fs.ErrPermission) {
		return err
	}
	return remove(t, virtual)
}

// remove undoes a complete or partial Attach, except for the programs on the hooks in keep.
func remove(t *maps.Table, virtual string, keep ...loader.Hook) error {
	errs := []error{removeLeftover(virtual)}
	links, err := t.Dir().Links(virtual)
	if errors.Is(err, loader.ErrNotAttached) {
		return errors.Join(errs...)
	}
	binding, err := t.Dir().Binding(virtual)
	if err != nil && !errors.Is(err, loader.ErrNotAttached) {
		errs = append(errs, err)
	}
	errs = append(errs, removeDetour(t, links), removeGRO(t.Dir(), virtual), t.Dir().RemoveBinding(virtual), links.Remove(keep...), unpinWatch(t, virtual), dropOrphans(t))
	left, err := t.Dir().Virtuals()
	if errs = append(errs, err); len(left) == 0 {
		errs = append(errs, removeRejectRule(), unpinPrograms(t))
	}
	if binding.Follow && len(keep) == 0 { // else interfaces stay watched, and the attach that keeps them decides
		errs = append(errs, t.EndFollowing(context.Background()))
	}
	return errors.Join(errs...)
}

func dropDevice(t *maps.Table, ifindex int) error {
	var errs []error
	if t.XFRM() != nil {
		errs = append(errs, t.XFRM().DisallowDevice(ifindex))
	}
	if config, exists, err := t.Device(uint32(ifindex)); err == nil && exists {
		errs = append(errs, dropPhysical(t, config.Physical, uint32(ifindex)))
	}
	errs = append(errs, t.DeleteDevice(uint32(ifindex)))
	return errors.Join(errs...)
}

// dropPhysical removes the copied routes unless an ipsec device other than going is bound to the interface.
func dropPhysical(t *maps.Table, ifindex, going uint32) error {
	devices, err := t.Devices()
	if err != nil {
		return fmt.Errorf("list devices: %w", err)
	}
	for virtual, config := range devices {
		if config.Physical == ifindex && virtual != going {
			return nil
		}
	}
	return removePassRoutes(int(ifindex))
}
