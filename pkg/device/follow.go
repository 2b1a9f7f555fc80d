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

// Difference is a part of an ipsec device that differs from what attach would set up now, because an interface,
// address or route was added, removed or changed.
type Difference struct {
	Text    string
	Cost    string
	Missing bool // cannot be repaired until an interface returns
}

// step is one difference and its repair.
type step struct {
	Difference
	repair func() error // nil: no repair is possible
}

// steps returns the differences between an ipsec device and what attach would set up now, with their repairs.
// It returns none for a device that is gone: its routes went with it, so creating it again would not repair it.
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
	for _, look := range []func() ([]step, error){f.physical, f.wire, f.inbound, f.mtu, f.allowed, f.passRules, f.detour, f.ingress} {
		more, err := look()
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// Differences returns the differences between an ipsec device and what attach would set up now. [Follow] repairs
// those that can be repaired.
func Differences(t *maps.Table, virtual string) (all []Difference, err error) {
	found, err := steps(t, virtual)
	for _, s := range found {
		all = append(all, s.Difference)
	}
	return all, err
}

// Follow adapts all ipsec devices to the interfaces, addresses and routes of the network namespace. It is
// idempotent and changes only what differs. It returns the differences that it repaired; with an error, some of
// them remain.
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
			if s.repair != nil {
				done = append(done, s.Difference)
				errs = append(errs, s.repair())
			}
		}
		errs = append(errs, restoreSettings(virtual))
	}
	return done, errors.Join(append(errs, SyncRoutes(t))...)
}

// NeedsFollow reports whether [Follow] would change anything.
func NeedsFollow(t *maps.Table) (bool, error) {
	all, err := List(t)
	if err != nil {
		return false, err
	}
	for _, a := range all {
		found, err := steps(t, a.Virtual)
		if err != nil || slices.ContainsFunc(found, func(s step) bool { return s.repair != nil }) {
			return true, err
		}
		if changed, err := Drift(a.Virtual); err != nil || len(changed) > 0 {
			return true, err
		}
		needed, err := needsPassRoutes(&a)
		if err != nil {
			return false, err
		}
		if !needed {
			continue
		}
		for _, family := range families {
			if stale, err := StaleRoutes(family, a.Physical); err != nil || stale {
				return true, err
			}
		}
	}
	return false, nil
}
