// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// readyTimeout bounds the wait for links: the kernel can take a second to notice a carrier, longer on an
// emulated machine under load.
const readyTimeout = 30 * time.Second

// firstIndex is the interface index of the first end of each pair. The kernel numbers the second end from 2.
const firstIndex = 100

// replugIndex is the first index of pairs that were made again: all differ.
const replugIndex = 200

// ErrNotReady is the error of links that did not come up in time.
var ErrNotReady = errors.New("links are not up")

// end is one end of a veth pair.
type end struct {
	node   *Node
	dev    string
	v4, v6 netip.Addr
}

// cable is a veth pair.
type cable struct{ a, b end }

// macs are the MAC addresses of a device and of the other end of its link.
type macs struct{ own, peer net.HardwareAddr }

// connect creates a veth pair between two nodes and sets both ends up.
func connect(c cable, index int) error {
	a, b := c.a, c.b
	// If both ends have the same index the kernel takes a second to notice the carrier
	// (linkwatch_urgent_event, net/core/link_watch.c).
	veth := netlink.NewVeth(netlink.LinkAttrs{Name: a.dev, Index: index})
	veth.PeerName, veth.PeerNamespace = b.dev, netlink.NsFd(b.node.ns)
	if err := a.node.nl.LinkAdd(veth); err != nil {
		return fmt.Errorf("add link %s of %s: %w", a.dev, a.node.Name, err)
	}
	macA, err := a.setUp()
	if err != nil {
		return fmt.Errorf("set up %s of %s: %w", a.dev, a.node.Name, err)
	}
	macB, err := b.setUp()
	if err != nil {
		return fmt.Errorf("set up %s of %s: %w", b.dev, b.node.Name, err)
	}
	a.node.links[a.dev] = macs{macA, macB}
	b.node.links[b.dev] = macs{macB, macA}
	return nil
}

// setUp gives the device its addresses, usable at once, sets it up and returns its MAC address.
func (e end) setUp() (net.HardwareAddr, error) {
	link, err := e.node.nl.LinkByName(e.dev)
	if err != nil {
		return nil, err
	}
	prefixes := []netip.Prefix{netip.PrefixFrom(e.v4, 24)}
	if kernelHasIPv6() {
		prefixes = append(prefixes, netip.PrefixFrom(e.v6, 64))
	}
	for _, p := range prefixes {
		a := &netlink.Addr{IPNet: ipNet(p)}
		if p.Addr().Is6() {
			a.Flags = unix.IFA_F_NODAD
		}
		if err := e.node.nl.AddrAdd(link, a); err != nil {
			return nil, fmt.Errorf("add address %s: %w", p, err)
		}
	}
	return link.Attrs().HardwareAddr, e.node.nl.LinkSetUp(link)
}

// WaitReady waits until every device is operational: before it sees the carrier the kernel drops packets to
// be sent. Afterwards each device also has a link-local address.
func (n *Node) WaitReady() error {
	deadline := time.Now().Add(readyTimeout)
	for {
		links, err := n.nl.LinkList()
		if err != nil {
			return fmt.Errorf("list links of %s: %w", n.Name, err)
		}
		waiting := ""
		for _, l := range links {
			if l.Type() != "veth" {
				continue
			}
			has, err := n.hasLinkLocal(l)
			if err != nil {
				return fmt.Errorf("list addresses of %s of %s: %w", l.Attrs().Name, n.Name, err)
			}
			if l.Attrs().OperState != netlink.OperUp || !has {
				waiting = l.Attrs().Name
			}
		}
		if waiting == "" {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("wait for %s of %s: %w", waiting, n.Name, ErrNotReady)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// hasLinkLocal reports whether a device has a usable link-local address, or the kernel has no IPv6.
func (n *Node) hasLinkLocal(l netlink.Link) (bool, error) {
	if !kernelHasIPv6() {
		return true, nil
	}
	all, err := n.nl.AddrList(l, unix.AF_INET6)
	return slices.ContainsFunc(all, func(a netlink.Addr) bool {
		return a.IP.IsLinkLocalUnicast() && a.Flags&unix.IFA_F_TENTATIVE == 0
	}), err
}

// SetMTU sets the MTU of a device, in bytes.
func (n *Node) SetMTU(dev string, mtu int) error {
	link, err := n.nl.LinkByName(dev)
	if err == nil {
		err = n.nl.LinkSetMTU(link, mtu)
	}
	if err != nil {
		return fmt.Errorf("set MTU of %s on %s: %w", dev, n.Name, err)
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
