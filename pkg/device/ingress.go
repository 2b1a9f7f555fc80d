// SPDX-License-Identifier: Apache-2.0

package device

import (
	"fmt"

	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/netdump"
)

// attachIngress attaches the fast path to an interface: always TC, which also answers rejected packets, and XDP
// where it is supported and no other program is attached.
func attachIngress(t *maps.Table, links loader.Links, lan netlink.Link, program programSource) (notes []string, err error) {
	name, ifindex := lan.Attrs().Name, lan.Attrs().Index
	tc, err := program(t, loader.HookTC)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tc.Close() }()
	if err := links.Attach(loader.HookTC, ifindex, tc); err != nil {
		return nil, fmt.Errorf("--ingress %s: %w", name, err)
	}
	if err := putIngress(t, lan); err != nil {
		return nil, err
	}
	if other := xdpOwner(lan); other != "" {
		return []string{fmt.Sprintf("%s already runs the XDP program %s: the fast path uses TC", name, other)}, nil
	}
	xdp, err := program(t, loader.HookXDP)
	if err != nil {
		return nil, err
	}
	defer func() { _ = xdp.Close() }()
	if err := links.Attach(loader.HookXDP, ifindex, xdp); err != nil {
		notes = append(notes, fmt.Sprintf("%s does not accept an XDP program (%v): the fast path uses TC", name, err))
	}
	return notes, nil
}

// xdpOwner describes the XDP program on an interface; "" if there is none.
func xdpOwner(lan netlink.Link) string {
	xdp := lan.Attrs().Xdp
	if xdp == nil || !xdp.Attached {
		return ""
	}
	return loader.ProgramName(xdp.ProgId)
}

// putIngress writes the entries from which the programs find the interface of a frame.
func putIngress(t *maps.Table, lan netlink.Link) error {
	all, err := netdump.Links()
	if err != nil {
		return fmt.Errorf("list interfaces: %w", err)
	}
	return putFrames(t, framesOf(lan, all))
}

// framesOf returns the interface for each kind of frame that arrives on lan: lan itself, or a VLAN interface on
// it, up to two tags deep.
func framesOf(lan netlink.Link, all []netlink.Link) map[bpf.ABIIngressKey]bpf.ABIIngress {
	frames := make(map[bpf.ABIIngressKey]bpf.ABIIngress)
	port := uint32(lan.Attrs().Index)
	put := func(l netlink.Link, vlan ...uint16) {
		key, v := bpf.ABIIngressKey{Ifindex: port}, bpf.ABIIngress{Ifindex: uint32(l.Attrs().Index)}
		copy(key.Vlan[:], vlan)
		if mac := l.Attrs().HardwareAddr; len(mac) == len(v.Mac) {
			v.Mac = [6]byte(mac)
		}
		frames[key] = v
	}
	put(lan)
	for _, outer := range vlansOn(lan, all) {
		put(outer, vlanID(outer))
		for _, inner := range vlansOn(outer, all) {
			put(inner, vlanID(outer), vlanID(inner))
		}
	}
	return frames
}

func putFrames(t *maps.Table, frames map[bpf.ABIIngressKey]bpf.ABIIngress) error {
	for key, v := range frames {
		if err := t.PutIngress(key, v); err != nil {
			return err
		}
		if key.Vlan != [2]uint16{} {
			continue
		}
		if err := t.PutPort(key.Ifindex, v); err != nil {
			return err
		}
	}
	return nil
}

func vlansOn(parent netlink.Link, all []netlink.Link) (on []netlink.Link) {
	for _, l := range all {
		if l.Type() == "vlan" && l.Attrs().ParentIndex == parent.Attrs().Index {
			on = append(on, l)
		}
	}
	return on
}

func vlanID(l netlink.Link) uint16 { return uint16(l.(*netlink.Vlan).VlanId) }

// dropIngress deletes the entries of an interface and of the VLAN interfaces on it.
func dropIngress(t *maps.Table, ifindex int) error {
	if err := t.DeletePort(uint32(ifindex)); err != nil {
		return err
	}
	frames, err := t.Ingress()
	if err != nil {
		return fmt.Errorf("list ingress interfaces: %w", err)
	}
	for key := range frames {
		if key.Ifindex != uint32(ifindex) {
			continue
		}
		if err := t.DeleteIngress(key); err != nil {
			return err
		}
	}
	return nil
}
