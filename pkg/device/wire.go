// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
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
	if err := t.Dir().PinOver(prog, wirePin(dev.Attrs().Name)); err != nil {
		return nil, errors.Join(fmt.Errorf("pin program of %s: %w", loader.HookWire, err), prog.Close())
	}
	return prog, nil
}

// pinnedWire returns the program that loadWire has pinned.
func pinnedWire(t *eroutemaps.Table, dev netlink.Link) (*ebpf.Program, error) {
	prog, err := ebpf.LoadPinnedProgram(t.Dir().Path(wirePin(dev.Attrs().Name)), nil)
	if err != nil {
		return nil, fmt.Errorf("open program of %s: %w", loader.HookWire, err)
	}
	return prog, nil
}

func unpinWire(t *eroutemaps.Table, virtual string) error {
	err := os.Remove(t.Dir().Path(wirePin(virtual)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("unpin program of %s: %w", loader.HookWire, err)
	}
	return nil
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

// unwatchOthers detaches the program from physical devices that are no longer watched.
func unwatchOthers(links loader.Links, wans []netlink.Link, routed bool) error {
	on, err := links.On(loader.HookWire)
	errs := []error{err}
	for _, ifindex := range on {
		still := slices.ContainsFunc(wans, func(l netlink.Link) bool { return l.Attrs().Index == ifindex })
		if !still || routed {
			errs = append(errs, links.Drop(ifindex, loader.HookWire))
		}
	}
	return errors.Join(errs...)
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
			found = append(found, step{Difference{Text: text, Cost: "packets leave through it in clear, regardless of the table"}, func() error {
				return f.moveWire(ifindex, name, phys)
			}})
		}
	}
	return found, nil
}

// moveWire attaches the program to the physical device that has replaced another.
func (f *follower) moveWire(from int, name string, phys netlink.Link) error {
	to := phys.Attrs().Index
	for _, ifindex := range []int{from, to} { // an interrupted move may have left the program on either
		if err := f.links.Drop(ifindex, loader.HookWire); err != nil {
			return err
		}
	}
	prog, err := pinnedWire(f.table, f.dev)
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
