// SPDX-License-Identifier: Apache-2.0

package device

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// Detach takes an ipsec device and all that Attach made for it away; the table stays.
// The device goes down first, and with it the routes into it: what they protected
// goes where the remaining routes lead. Returns loader.ErrNotAttached if there is no
// such device.
func Detach(_ context.Context, t *maps.Table, virtual string) error {
	if _, err := t.Dir().Links(virtual); err != nil {
		return fmt.Errorf("--virtual %s: %w", virtual, err)
	}
	return remove(t, virtual)
}

// remove undoes as much of Attach as was done.
func remove(t *maps.Table, virtual string) error {
	errs := []error{removeLeftover(virtual)}
	links, err := t.Dir().Links(virtual)
	if errors.Is(err, loader.ErrNotAttached) {
		return errors.Join(errs...)
	}
	egress, err := links.On(loader.HookEgress)
	errs = append(errs, err)
	for _, ifindex := range egress {
		errs = append(errs, dropDevice(t, ifindex))
	}
	errs = append(errs, removeDetour(t, links))
	ingress, err := links.On(loader.HookTC)
	errs = append(errs, err)
	errs = append(errs, links.Remove())
	left, err := t.Dir().Virtuals()
	if errs = append(errs, err); len(left) == 0 {
		errs = append(errs, removeReject())
	}
	for _, ifindex := range ingress {
		if !hasIngress(t, left, ifindex) {
			errs = append(errs, dropIngress(t, ifindex))
		}
	}
	return errors.Join(errs...)
}

// hasIngress tells whether one of these ipsec devices has the fast path on an interface.
func hasIngress(t *maps.Table, virtuals []string, ifindex int) bool {
	return slices.ContainsFunc(virtuals, func(virtual string) bool {
		links, err := t.Dir().Links(virtual)
		return err == nil && links.Has(loader.HookTC, ifindex)
	})
}

func dropDevice(t *maps.Table, ifindex int) error {
	var errs []error
	if t.XFRM() != nil {
		errs = append(errs, t.XFRM().DisallowDevice(ifindex))
	}
	var config bpf.ABIDevice
	lookupErr := t.Map("eroute_devices").Lookup(uint32(ifindex), &config)
	if err := t.Map("eroute_devices").Delete(uint32(ifindex)); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		errs = append(errs, fmt.Errorf("delete device: %w", err))
	}
	if lookupErr == nil {
		errs = append(errs, dropPhysical(t, config.Physical))
	}
	return errors.Join(errs...)
}

// dropPhysical takes the copied routes away once no ipsec device is bound to the
// interface any more.
func dropPhysical(t *maps.Table, ifindex uint32) error {
	var (
		virtual uint32
		config  bpf.ABIDevice
	)
	it := t.Map("eroute_devices").Iterate()
	for it.Next(&virtual, &config) {
		if config.Physical == ifindex {
			return nil
		}
	}
	if err := it.Err(); err != nil {
		return fmt.Errorf("list devices: %w", err)
	}
	return removePassRoutes(int(ifindex))
}
