// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/netdump"
)

// Difference is something of an ipsec device that is not as attach would make it now, because an
// interface, address or route has come, gone or changed since.
type Difference struct {
	Text string
	Cost string
	Gone bool // nothing can be done about it until an interface comes back
}

// step brings one thing that is attached in step with the network namespace.
type step struct {
	Difference
	mend func() error // nil: there is nothing to do
}

// steps returns what is to be done for an ipsec device, so that all that belongs to it is as attach
// would make it now. There are none when that has been done. None for a device that is gone: its
// routes went with it, so that making it again is no repair.
func steps(t *maps.Table, virtual string) ([]step, error) {
	dev, err := netlink.LinkByName(virtual)
	if _, missing := errors.AsType[netlink.LinkNotFoundError](err); missing {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", virtual, err)
	}
	all, err := netdump.Links()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	f, err := newFollower(t, dev, all)
	if err != nil {
		return nil, err
	}
	var found []step
	for _, look := range []func() ([]step, error){f.physical, f.mtu, f.passRules, f.detour, f.ingress} {
		more, err := look()
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// OutOfStep returns what of an ipsec device is not as attach would make it now. [Follow] mends what can
// be mended.
func OutOfStep(t *maps.Table, virtual string) (all []Difference, err error) {
	found, err := steps(t, virtual)
	for _, s := range found {
		all = append(all, s.Difference)
	}
	return all, err
}

// Follow brings all ipsec devices in step with the interfaces, addresses and routes of the network
// namespace. It is idempotent: it changes what differs, and nothing else. Returns what it has found;
// with an error some of it still is as it was.
func Follow(t *maps.Table) (done []Difference, err error) {
	virtuals, err := t.Dir().Virtuals()
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, virtual := range virtuals {
		found, err := steps(t, virtual)
		errs = append(errs, err)
		for _, s := range found {
			if s.mend != nil {
				done = append(done, s.Difference)
				errs = append(errs, s.mend())
			}
		}
		errs = append(errs, settle(virtual))
	}
	return done, errors.Join(append(errs, SyncRoutes(t))...)
}

// NeedsFollow tells whether [Follow] has anything to do.
func NeedsFollow(t *maps.Table) (bool, error) {
	all, err := List(t)
	if err != nil {
		return false, err
	}
	for _, a := range all {
		found, err := steps(t, a.Virtual)
		if err != nil || slices.ContainsFunc(found, func(s step) bool { return s.mend != nil }) {
			return true, err
		}
		if changed, err := Drift(a.Virtual); err != nil || len(changed) > 0 {
			return true, err
		}
		for _, family := range families {
			if stale, err := StaleRoutes(family, a.Physical); err != nil || stale {
				return true, err
			}
		}
	}
	return false, nil
}
