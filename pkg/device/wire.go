// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/pkg/loader"
	eroutemaps "github.com/ipsec-eroute/eroute/pkg/maps"
)

// wirePin returns the name of the pin of the program for the physical devices of an ipsec device. It is pinned
// so that a process without the privilege to load programs can attach it to an interface that returns.
func wirePin(virtual string) string { return "eroute_wire_" + virtual }

// loadWire loads the program for the physical devices of an ipsec device, and pins it.
func loadWire(t *eroutemaps.Table, dev netlink.Link) (*ebpf.Program, error) {
	prog, err := loader.LoadWire(t.Replacements(), dev.Attrs().Index)
	if err != nil {
		return nil, err
	}
	return prog, pinProgram(t, loader.HookWire, wirePin(dev.Attrs().Name), prog)
}

// watch attaches the program that matches each packet leaving through a physical device against the table, or
// replaces the program of an earlier ipsec device.
func watch(t *eroutemaps.Table, links loader.Links, phys netlink.Link, prog *ebpf.Program, w eroutemaps.Watched) error {
	ifindex := phys.Attrs().Index
	if err := t.PutWatched(uint32(ifindex), w); err != nil {
		return err
	}
	attached, err := links.IsAttached(loader.HookWire, ifindex)
	switch {
	case err != nil:
	case attached:
		err = links.Swap(loader.HookWire, ifindex, prog)
	default:
		err = errors.Join(links.Drop(ifindex, loader.HookWire), links.Attach(loader.HookWire, ifindex, prog))
	}
	if err != nil {
		return fmt.Errorf("watch %s: %w", phys.Attrs().Name, err)
	}
	return nil
}

// unwatchOthers ends the watching of physical devices that an earlier ipsec device of this name watched and this
// one does not.
func unwatchOthers(t *eroutemaps.Table, links loader.Links, watched map[int]string) error {
	on, err := links.On(loader.HookWire)
	errs := []error{err}
	for _, ifindex := range on {
		if _, still := watched[ifindex]; !still {
			errs = append(errs, links.Drop(ifindex, loader.HookWire))
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
				return f.links.Detach(ifindex, loader.HookWire)
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
	for _, ifindex := range []int{from, to} { // an interrupted move may have left the program on either
		if err := f.links.Drop(ifindex, loader.HookWire); err != nil {
			return err
		}
	}
	prog, err := pinnedProgram(f.table, loader.HookWire, wirePin(f.dev.Attrs().Name))
	if err != nil {
		return err
	}
	defer func() { _ = prog.Close() }()
	if err := watch(f.table, f.links, phys, prog, eroutemaps.Watched{DropUnmatched: f.binding.DropUnmatched}); err != nil {
		return err
	}
	err = f.rebind(func(b *loader.Binding) {
		delete(b.Watched, from)
		b.Watched[to] = name
	})
	return errors.Join(err, dropOrphans(f.table))
}
