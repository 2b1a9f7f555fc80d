// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/pkg/interfaces"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	eroutemaps "github.com/ipsec-eroute/eroute/pkg/maps"
)

// watch attaches the program that matches each packet leaving through a physical device against the table, and
// the one that checks what arrives on it if the device is strict, or replaces those of an earlier ipsec device.
func watch(t *eroutemaps.Table, links loader.Links, phys netlink.Link, progs watchPrograms, w interfaces.Watched) error {
	if err := t.PutWatched(uint32(phys.Attrs().Index), w); err != nil {
		return err
	}
	if err := attachOrSwap(links, loader.HookWire, phys, progs.wire); err != nil {
		return fmt.Errorf("watch %s: %w", phys.Attrs().Name, err)
	}
	return progs.attachTo(links, phys)
}

// attachOrSwap attaches a program to an interface, or replaces the attached one.
func attachOrSwap(links loader.Links, hook loader.Hook, l netlink.Link, prog *ebpf.Program) error {
	ifindex := l.Attrs().Index
	attached, err := links.IsAttached(hook, ifindex)
	switch {
	case err != nil:
		return err
	case attached:
		return links.Swap(hook, ifindex, prog)
	}
	return errors.Join(links.Drop(ifindex, hook), links.Attach(hook, ifindex, prog))
}

// unwatchOthers ends the watching of physical devices that an earlier ipsec device of this name watched and this
// one does not, and the checks of what arrives unless this one is strict.
func unwatchOthers(t *eroutemaps.Table, links loader.Links, dev netlink.Link, b *loader.Binding) error {
	var errs []error
	for _, hook := range watchHooks {
		on, err := links.On(hook)
		errs = append(errs, err)
		for _, ifindex := range on {
			_, still := b.Watched[ifindex]
			if hook == loader.HookInbound {
				still = b.Strict && (still || ifindex == dev.Attrs().Index)
			}
			if !still {
				errs = append(errs, links.Drop(ifindex, hook))
			}
		}
	}
	return errors.Join(append(errs, dropOrphans(t))...)
}

// wire checks that the program is attached to the existing physical devices.
func (f *follower) wire() (found []step, err error) {
	for _, ifindex := range slices.Sorted(maps.Keys(f.binding.Watched)) {
		name := f.binding.Watched[ifindex]
		phys := f.find(name, ifindex)
		attached, err := f.links.IsAttached(loader.HookWire, ifindex)
		if err != nil {
			return nil, err
		}
		switch {
		case phys == nil && attached:
			text := fmt.Sprintf("%s was moved to another network namespace with its program", name)
			found = append(found, step{Difference{text, "none", true}, func() error {
				return f.links.Detach(ifindex, watchHooks...)
			}})
		case phys == nil:
			found = append(found, step{Difference: Difference{Text: name + " does not exist", Missing: true}})
		case !attached, phys.Attrs().Index != ifindex:
			text := fmt.Sprintf("%s was created again: the program is not attached to it", name)
			if phys.Attrs().Index == ifindex {
				text = fmt.Sprintf("the program that watches %s is detached", name)
			}
			found = append(found, step{Difference{Text: text, Cost: f.unwatchedCost()}, func() error {
				return f.moveWire(ifindex, name, phys)
			}})
		}
	}
	return found, nil
}

// unwatchedCost describes what happens to packets that leave through a physical device without the program.
func (f *follower) unwatchedCost() string {
	if f.links.Has(loader.HookGuard4, f.dev.Attrs().Index) {
		return "packets that the table protects drop, counted as unwatched; others leave through it"
	}
	return "packets leave through it in clear, regardless of the table"
}

// moveWire attaches the program to the physical device that has replaced another.
func (f *follower) moveWire(from int, name string, phys netlink.Link) error {
	to := phys.Attrs().Index
	for _, ifindex := range []int{from, to} { // an interrupted move may have left programs on either
		if err := f.links.Drop(ifindex, watchHooks...); err != nil {
			return err
		}
	}
	progs, err := f.pinnedWatch()
	if err != nil {
		return err
	}
	defer progs.close()
	if err := watch(f.table, f.links, phys, progs, interfaces.Watched{DropUnmatched: f.binding.DropUnmatched}); err != nil {
		return err
	}
	err = f.rebind(func(b *loader.Binding) {
		delete(b.Watched, from)
		b.Watched[to] = name
	})
	return errors.Join(err, dropOrphans(f.table))
}
