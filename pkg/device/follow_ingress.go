// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// ingressHooks are the hooks of an ingress interface.
var ingressHooks = []loader.Hook{loader.HookXDP, loader.HookTC}

// ingress checks that the fast path is attached to the existing ingress interfaces, and that the programs map
// frames to the right interfaces.
func (f *follower) ingress() (found []step, err error) {
	for _, ifindex := range slices.Sorted(maps.Keys(f.binding.Ingress)) {
		name := f.binding.Ingress[ifindex]
		lan := f.find(name, ifindex)
		attached, err := f.links.IsAttached(loader.HookTC, ifindex)
		if err != nil {
			return nil, err
		}
		switch {
		case lan == nil && attached:
			text := fmt.Sprintf("ingress interface %s was moved to another network namespace with its programs", name)
			found = append(found, step{Difference{text, "they may drop its packets", true}, func() error {
				return f.links.Detach(ifindex, ingressHooks...)
			}})
		case lan == nil:
			found = append(found, step{Difference: Difference{Text: fmt.Sprintf("ingress interface %s does not exist", name), Missing: true}})
		case !attached, lan.Attrs().Index != ifindex:
			text := fmt.Sprintf("ingress interface %s was created again: the programs are not attached to it", name)
			cost := "it has no fast path: its packets are matched against the table only on the ipsec device"
			found = append(found, step{Difference{Text: text, Cost: cost}, func() error {
				return f.moveIngress(ifindex, name, lan)
			}})
		default:
			stale, err := f.staleFrames(lan)
			if err != nil {
				return nil, err
			}
			if stale {
				text := fmt.Sprintf("the link-layer address or the VLAN interfaces of %s have changed", lan.Attrs().Name)
				cost := "the fast path leaves its packets to the ipsec device, or assigns them to another interface"
				found = append(found, step{Difference{Text: text, Cost: cost}, func() error {
					return f.renewFrames(lan)
				}})
			}
		}
	}
	return found, nil
}

// moveIngress attaches the programs to the interface that has replaced another.
func (f *follower) moveIngress(from int, name string, lan netlink.Link) error {
	for _, ifindex := range []int{from, lan.Attrs().Index} { // an interrupted move may have left programs on either
		if err := f.links.Drop(ifindex, ingressHooks...); err != nil {
			return err
		}
	}
	if _, err := attachIngress(f.table, f.links, lan, pinnedPrograms); err != nil {
		return err
	}
	err := f.rebind(func(b *loader.Binding) {
		delete(b.Ingress, from)
		b.Ingress[lan.Attrs().Index] = name
	})
	return errors.Join(err, dropOrphans(f.table))
}

// frames returns the entries that the programs have for frames of an interface.
func (f *follower) frames(ifindex int) (map[bpf.ABIIngressKey]bpf.ABIIngress, error) {
	all, err := f.table.Ingress()
	if err != nil {
		return nil, fmt.Errorf("list ingress interfaces: %w", err)
	}
	frames := make(map[bpf.ABIIngressKey]bpf.ABIIngress)
	for key, v := range all {
		if key.Ifindex == uint32(ifindex) {
			frames[key] = v
		}
	}
	return frames, nil
}

func (f *follower) staleFrames(lan netlink.Link) (bool, error) {
	known, err := f.frames(lan.Attrs().Index)
	return !maps.Equal(known, framesOf(lan, f.all)), err
}

// renewFrames writes the current entries for an interface's frames, then deletes stale ones.
func (f *follower) renewFrames(lan netlink.Link) error {
	known, err := f.frames(lan.Attrs().Index)
	if err != nil {
		return err
	}
	now := framesOf(lan, f.all)
	if err := putFrames(f.table, now); err != nil {
		return err
	}
	for key := range known {
		if _, ok := now[key]; ok {
			continue
		}
		if err := f.table.DeleteIngress(key); err != nil {
			return err
		}
	}
	return nil
}
