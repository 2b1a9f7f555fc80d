// SPDX-License-Identifier: Apache-2.0

package device

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/pkg/interfaces"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	eroutemaps "github.com/ipsec-eroute/eroute/pkg/maps"
)

// minMTU is the smallest MTU, in bytes, with which an interface has IPv6. Below it, the kernel removes the
// interface's IPv6 routes, and the traffic that they protected would follow other routes.
const minMTU = 1280

// follower compares one ipsec device with the existing interfaces.
type follower struct {
	table   *eroutemaps.Table
	links   loader.Links
	binding loader.Binding
	dev     netlink.Link
	config  interfaces.Device
	phys    netlink.Link // nil: it does not exist
	all     []netlink.Link

	isRoutedInto func() (bool, error) // see needsPassRoutes
}

func newFollower(t *eroutemaps.Table, dev netlink.Link, all []netlink.Link) (f *follower, err error) {
	name := dev.Attrs().Name
	f = &follower{table: t, dev: dev, all: all}
	if f.links, err = t.Dir().Links(name); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if f.config, _, err = t.Device(uint32(dev.Attrs().Index)); err != nil {
		return nil, err
	}
	f.binding, err = t.Dir().Binding(name)
	if err != nil && !errors.Is(err, loader.ErrNotAttached) {
		return nil, err
	}
	f.phys = f.find(f.binding.Physical, int(f.config.Physical))
	f.isRoutedInto = sync.OnceValues(func() (bool, error) {
		return needsPassRoutes(&Attachment{Virtual: name, Watched: len(f.binding.Watched) > 0})
	})
	return f, nil
}

// find returns the interface to bind to: the one with the name given to attach; else the one with the ifindex
// that was bound, which was renamed; else nil.
func (f *follower) find(name string, ifindex int) netlink.Link {
	by := func(is func(*netlink.LinkAttrs) bool) netlink.Link {
		i := slices.IndexFunc(f.all, func(l netlink.Link) bool { return is(l.Attrs()) })
		if i < 0 {
			return nil
		}
		return f.all[i]
	}
	if l := by(func(a *netlink.LinkAttrs) bool { return a.Name == name }); l != nil {
		return l
	}
	return by(func(a *netlink.LinkAttrs) bool { return a.Index == ifindex })
}

// wans returns the existing physical and watched interfaces.
func (f *follower) wans() (found []netlink.Link) {
	if f.phys != nil {
		found = append(found, f.phys)
	}
	for _, ifindex := range slices.Sorted(maps.Keys(f.binding.Watched)) {
		l := f.find(f.binding.Watched[ifindex], ifindex)
		if l != nil && (f.phys == nil || l.Attrs().Index != f.phys.Attrs().Index) {
			found = append(found, l)
		}
	}
	return found
}

// rebind records a change of the binding.
func (f *follower) rebind(change func(*loader.Binding)) error {
	change(&f.binding)
	if f.binding.Physical == "" {
		return nil // attached by a version that recorded no binding
	}
	return f.table.Dir().SetBinding(f.dev.Attrs().Name, f.binding)
}

// physical checks that the programs send to the existing physical interface. If there is none, the repair
// clears the ifindex, which the kernel may reuse for another interface.
func (f *follower) physical() ([]step, error) {
	to := func(index uint32) func() error {
		if index == f.config.Physical {
			return nil
		}
		return func() error {
			f.config.Physical = index
			return errors.Join(f.followGRO(), f.table.PutDevice(uint32(f.dev.Attrs().Index), f.config))
		}
	}
	if f.phys == nil {
		name := cmp.Or(f.binding.Physical, "the physical interface")
		return []step{{Difference{name + " does not exist", "packets that would leave through it are dropped", true}, to(0)}}, nil
	}
	name := f.phys.Attrs().Name
	if repair := to(uint32(f.phys.Attrs().Index)); repair != nil {
		text := fmt.Sprintf("%s is not the interface that %s is bound to", name, f.dev.Attrs().Name)
		return []step{{Difference{Text: text, Cost: "%pass packets are dropped"}, repair}}, nil
	}
	return nil, nil
}

// mtu checks that the MTUs of the ipsec device and the detour device follow the physical interface's MTU. An
// MTU that was set by hand stays, unless it is larger.
func (f *follower) mtu() (found []step, err error) {
	wans := f.wans()
	if len(wans) == 0 {
		return nil, nil
	}
	physical := narrowest(wans).Attrs()
	set := func(l netlink.Link, mtu int, noted func() error) {
		name, now := l.Attrs().Name, l.Attrs().MTU
		if now == mtu {
			return
		}
		text := fmt.Sprintf("the MTU of %s is %d, the MTU of %s is %d", name, now, physical.Name, physical.MTU)
		cost := "senders are limited to smaller packets than necessary"
		if now > mtu {
			cost = "larger %pass packets are lost without an ICMP error"
		}
		found = append(found, step{Difference{Text: text, Cost: cost}, func() error {
			if err := netlink.LinkSetMTU(l, mtu); err != nil {
				return fmt.Errorf("set MTU of %s: %w", name, err)
			}
			return noted()
		}})
	}
	mtu := followMTU(f.dev.Attrs().MTU, f.binding.MTU, physical.MTU)
	set(f.dev, mtu, func() error {
		return f.rebind(func(b *loader.Binding) { b.MTU = mtu })
	})
	if detour := f.find("", int(f.config.Detour)); detour != nil {
		now := detour.Attrs().MTU
		set(detour, followMTU(now, now, physical.MTU), func() error { return nil })
	}
	return found, nil
}

// followMTU returns the MTU that a device should have, in bytes. now is its current MTU, given the one that was
// last set by this program.
func followMTU(now, given, physical int) int {
	limit := min(physical, maxMTU)
	if now >= minMTU {
		limit = max(limit, minMTU)
	}
	if now == given || now > limit {
		return limit
	}
	return now
}
