// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/pkg/ifname"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// List returns the attached ipsec devices, sorted by name.
func List(t *maps.Table) ([]Attachment, error) {
	virtuals, err := t.Dir().Virtuals()
	if err != nil {
		return nil, err
	}
	var all []Attachment
	for _, virtual := range virtuals {
		a, err := describe(t, virtual)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

func describe(t *maps.Table, virtual string) (Attachment, error) {
	a := Attachment{Virtual: virtual, Kind: KindPlain}
	links, err := t.Dir().Links(virtual)
	if err != nil {
		return a, err
	}
	egress, err := links.On(loader.HookEgress)
	if err != nil {
		return a, err
	}
	for _, ifindex := range egress {
		config, _, err := t.Device(uint32(ifindex))
		if err != nil {
			return a, err
		}
		if config.HasXFRM {
			a.Kind = KindXFRM
		}
		a.Allowed = config.Allowed
		if dev, err := netlink.LinkByIndex(ifindex); err == nil {
			a.VirtualMTU = dev.Attrs().MTU
		}
		a.Guarded = links.Has(loader.HookGuard4, ifindex) && links.Has(loader.HookGuard6, ifindex)
		if phys, err := netlink.LinkByIndex(int(config.Physical)); err == nil {
			a.Physical, a.PhysicalMTU = phys.Attrs().Name, phys.Attrs().MTU
		}
	}
	binding, err := t.Dir().Binding(virtual)
	if err != nil && !errors.Is(err, loader.ErrNotAttached) {
		return a, err
	}
	a.Watched, a.DropUnmatched, a.Strict, a.Follow = len(binding.Watched) > 0, binding.DropUnmatched, binding.Strict, binding.Follow
	for ifindex, name := range binding.Watched {
		if name != binding.Physical {
			a.Also = append(a.Also, boundName(ifindex, name))
		}
		if is, err := isUnwatched(links, name); err != nil {
			return a, err
		} else if is {
			a.Unwatched = append(a.Unwatched, name)
		}
	}
	slices.Sort(a.Also)
	ingress, err := links.On(loader.HookTC)
	for _, ifindex := range ingress {
		in := Ingress{Name: boundName(ifindex, binding.Ingress[ifindex]), Mode: "tc"}
		if links.Has(loader.HookXDP, ifindex) {
			in.Mode = "xdp"
		}
		a.Ingress = append(a.Ingress, in)
	}
	return a, err
}

// isUnwatched reports whether an interface of this name exists and has no program that watches it.
func isUnwatched(links loader.Links, name string) (bool, error) {
	phys, err := netlink.LinkByName(name)
	if err != nil {
		return false, nil // deleted, or renamed
	}
	attached, err := links.IsAttached(loader.HookWire, phys.Attrs().Index)
	return !attached, err
}

// boundName returns an interface's name, or that of its binding if it does not exist.
func boundName(ifindex int, bound string) string {
	name, err := ifname.Lookup(ifindex)
	switch {
	case err == nil:
		return name
	case bound != "":
		return bound
	}
	return ifname.Text(ifindex)
}
