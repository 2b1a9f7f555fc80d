// SPDX-License-Identifier: Apache-2.0

package device

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/pkg/interfaces"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Attach creates an ipsec device, binds it to a physical device, and attaches the fast path to the ingress
// interfaces. The device comes up before the physical device is watched, and after its program runs, so that no
// packet passes either unmatched. notes lists what this kernel or these interfaces do not support, SAs that cannot be
// used, and policies without an eroute. On an error everything is undone.
func Attach(ctx context.Context, t *maps.Table, c Config) (notes []string, err error) {
	virtual := c.Virtual
	wans, lans, err := find(t, &c)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(removeLeftover(virtual), dropOrphans(t)); err != nil {
		return nil, err
	}
	var keep []loader.Hook // physical devices that were watched before stay so
	if _, err := t.Dir().Links(virtual); err == nil {
		keep = slices.Concat(watchHooks, guardHooks)
	}
	dev, kind, err := create(virtual, narrowest(wans).Attrs().MTU)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, remove(t, virtual, keep...))
		}
	}()
	if err := applySettings(virtual); err != nil {
		return nil, err
	}
	binding := bindingTo(&c, wans, lans)
	links, err := attachEgress(t, dev, wans[0], kind, binding)
	if err != nil {
		return nil, err
	}
	if kind == KindXFRM {
		if notes, err = receiveTransport(t.Dir(), virtual, wans); err != nil {
			return nil, err
		}
		if err := watchStates(t, links, dev); err != nil {
			notes = append(notes, fmt.Sprintf("this kernel does not report deleted SAs (%v): XFRM drops their packets until --sync", err))
		}
		if err := watchSequences(t, links, dev); err != nil {
			notes = append(notes, fmt.Sprintf("this kernel does not report exhausted sequence numbers (%v): XFRM drops the packets of such SAs", err))
		}
	}
	for _, lan := range lans {
		note, err := attachIngress(t, links, lan, freshPrograms)
		if err != nil {
			return nil, err
		}
		notes = append(notes, note...)
	}
	if err := netlink.LinkSetUp(dev); err != nil {
		return nil, fmt.Errorf("bring %s up: %w", virtual, err)
	}
	if !c.Routed {
		if err := joinVRF(dev, wans); err != nil {
			return nil, err
		}
		if !loader.SeesNAT() {
			notes = append(notes, "this kernel does not describe its connections (CONFIG_DEBUG_INFO_BTF_MODULES): packets whose source NAT changes are matched with the new source only")
		}
		note, err := attachGuard(t, links, dev, binding)
		if err != nil {
			return nil, err
		}
		if note != "" {
			notes = append(notes, note)
		}
		progs, err := loadWatch(t, dev, c.Strict)
		if err != nil {
			return nil, err
		}
		defer progs.close()
		for _, wan := range wans {
			if err := watch(t, links, wan, progs, interfaces.Watched{DropUnmatched: c.DropUnmatched}); err != nil {
				return nil, err
			}
		}
		if err := progs.attachTo(links, dev); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(unwatchOthers(t, links, dev, &binding), dropOtherGuards(links, dev)); err != nil {
		return nil, err
	}
	return slices.Concat(lacks(kind), notes, update(ctx, t, c.Follow)), ctx.Err()
}

// update makes the table equal to the SAs and policies of XFRM, for a device that follows these or does not. It
// returns what failed as notes: the packets of an SA that cannot be used drop, but without the device all packets
// would leave in clear.
func update(ctx context.Context, t *maps.Table, follow bool) (notes []string) {
	failed := func(what string, err error) {
		if err == nil {
			return
		}
		for text := range strings.Lines(err.Error()) {
			notes = append(notes, what+strings.TrimSuffix(text, "\n"))
		}
	}
	failed("not all SAs can be used: ", t.SyncSAs())
	followed, err := t.FollowPolicies(ctx)
	if follow {
		notes = append(notes, followed.Notes()...)
	} else if err == nil {
		err = t.EndFollowing(ctx)
	}
	failed("not all packets have the right eroute until --sync: ", err)
	return notes
}

// find checks the names and returns their interfaces.
func find(t *maps.Table, c *Config) (wans, lans []netlink.Link, err error) {
	virtual := c.Virtual
	_, err = t.Dir().Links(virtual)
	switch {
	case errors.Is(err, loader.ErrDeviceName):
		return nil, nil, fmt.Errorf("--virtual %s: %w", virtual, err)
	case err == nil:
		if _, err := netlink.LinkByName(virtual); err == nil {
			return nil, nil, fmt.Errorf("--virtual %s: already attached: detach it first", virtual)
		}
		// The device was deleted with "ip link": remove what is left of the attachment. Physical devices stay
		// watched until the new device is there.
		if err := remove(t, virtual, slices.Concat(watchHooks, guardHooks)...); err != nil {
			return nil, nil, err
		}
	}
	return linksOf(append([]string{c.Physical}, c.Also...), c.Ingress)
}

// CheckInterfaces returns an error that names the first interface that Attach would not find.
func CheckInterfaces(physical, ingress []string) error {
	_, _, err := linksOf(physical, ingress)
	return err
}

// linksOf returns the physical and the ingress interfaces.
func linksOf(physical, ingress []string) (wans, lans []netlink.Link, err error) {
	if wans, err = named("--physical", physical); err != nil {
		return nil, nil, err
	}
	for _, wan := range wans {
		if wan.Type() == "vrf" {
			return nil, nil, fmt.Errorf("--physical %s: is a VRF, which packets do not leave through: name its interfaces", wan.Attrs().Name)
		}
	}
	lans, err = named("--ingress", ingress)
	return wans, lans, err
}

// named returns the interfaces that an option names.
func named(option string, names []string) (found []netlink.Link, err error) {
	seen := make(map[int]bool)
	for _, name := range names {
		l, err := netlink.LinkByName(name)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", option, name, err)
		}
		if seen[l.Attrs().Index] {
			return nil, fmt.Errorf("%s %s: given twice", option, name)
		}
		seen[l.Attrs().Index] = true
		found = append(found, l)
	}
	return found, nil
}

// narrowest returns the interface with the smallest MTU, of one or more.
func narrowest(links []netlink.Link) netlink.Link {
	return slices.MinFunc(links, func(a, b netlink.Link) int { return a.Attrs().MTU - b.Attrs().MTU })
}

// attachEgress attaches the egress programs, so that packets routed into the device are matched against the
// table.
func attachEgress(t *maps.Table, dev, phys netlink.Link, kind string, b loader.Binding) (loader.Links, error) {
	ifindex := dev.Attrs().Index
	config := interfaces.Device{Physical: uint32(phys.Attrs().Index)}
	links, err := t.Dir().NewLinks(dev.Attrs().Name)
	if err != nil {
		return links, err
	}
	if err := t.Dir().SetBinding(dev.Attrs().Name, b); err != nil {
		return links, err
	}
	// Recorded first, so that the rest is cleaned up if this command is killed.
	if err := t.PutDevice(uint32(ifindex), config); err != nil {
		return links, err
	}
	if kind == KindXFRM {
		config.HasXFRM = true
		if len(b.Watched) == 0 {
			if err := t.XFRM().AllowDevice(ifindex); err != nil {
				return links, err
			}
			config.Allowed = true
			if config.Detour, err = attachDetour(t, links, dev, phys); err != nil {
				return links, err
			}
		}
		if err := t.PutDevice(uint32(ifindex), config); err != nil {
			return links, err
		}
	}
	for _, h := range []struct {
		hook loader.Hook
		load func(map[string]*ebpf.Map) (*ebpf.Program, error)
	}{{loader.HookReject, loader.LoadReject}, {loader.HookEgress, loader.LoadEgress}} {
		if err := attachHook(t, links, h.hook, ifindex, h.load); err != nil {
			return links, err
		}
	}
	if len(b.Watched) > 0 {
		return links, removeRejectRule()
	}
	return links, errors.Join(removeRejectRule(), addPassRoutes(phys))
}

func attachHook(t *maps.Table, links loader.Links, hook loader.Hook, ifindex int, load func(map[string]*ebpf.Map) (*ebpf.Program, error)) error {
	prog, err := load(t.Replacements())
	if err != nil {
		return err
	}
	defer func() { _ = prog.Close() }()
	return links.Attach(hook, ifindex, prog)
}

// bindingTo returns the binding that an attach records, from which [Follow] detects changes.
func bindingTo(c *Config, wans, lans []netlink.Link) loader.Binding {
	b := loader.Binding{
		Physical: wans[0].Attrs().Name, MTU: min(narrowest(wans).Attrs().MTU, maxMTU), DropUnmatched: c.DropUnmatched, Strict: c.Strict, Follow: c.Follow,
		Ingress: make(map[int]string), GRO: make(map[int]string), Watched: make(map[int]string),
	}
	for _, wan := range wans {
		if !c.Routed {
			b.Watched[wan.Attrs().Index] = wan.Attrs().Name
		}
	}
	for _, lan := range lans {
		b.Ingress[lan.Attrs().Index] = lan.Attrs().Name
	}
	return b
}

// watchStates attaches the program that drops packets of an SA as soon as its state ends.
func watchStates(t *maps.Table, links loader.Links, dev netlink.Link) error {
	prog, err := loader.LoadSADelete(t.Replacements())
	if err != nil {
		return err
	}
	defer func() { _ = prog.Close() }()
	return links.Attach(loader.HookSADelete, dev.Attrs().Index, prog)
}

// watchSequences attaches the program that drops packets of an SA, with their own drop reason, as soon as its
// sequence numbers are exhausted.
func watchSequences(t *maps.Table, links loader.Links, dev netlink.Link) error {
	prog, err := loader.LoadSAExhausted(t.Replacements())
	if err != nil {
		return err
	}
	defer func() { _ = prog.Close() }()
	return links.Attach(loader.HookSAExhausted, dev.Attrs().Index, prog)
}

// lacks returns a note for each feature that the kernel does not support.
func lacks(kind string) (notes []string) {
	if kind != KindXFRM {
		notes = append(notes, "this kernel has no XFRM interfaces (it requires CONFIG_XFRM_INTERFACE and a boot without ipv6.disable=1): packets of SA eroutes are dropped, counted as no-xfrm")
	} else if !loader.HasXFRMInfo() {
		notes = append(notes, "this kernel has no bpf_skb_set_xfrm_info (it requires Linux 6.2 and CONFIG_DEBUG_INFO_BTF_MODULES): packets of SA eroutes are dropped, counted as no-xfrm")
	}
	if has, err := xfrm.ESPAvailable(); err == nil && !has {
		notes = append(notes, "this kernel has no ESP (it requires CONFIG_INET_ESP): packets of SA eroutes are dropped, counted as sa-missing or no-xfrm")
	}
	return notes
}
