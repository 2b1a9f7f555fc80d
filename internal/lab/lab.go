// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// ErrPrivilege is the error of an operation without permission: the process lacks CAP_SYS_ADMIN,
// CAP_NET_ADMIN or CAP_NET_RAW.
var ErrPrivilege = errors.New("needs root (CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_NET_RAW)")

// Lab is two gateways, each with a host behind it, in network namespaces.
type Lab struct {
	// Name is the prefix of the lab's namespace names: the requested name and a random suffix.
	Name string
	// EastHost and WestHost are the hosts, East and West their gateways.
	EastHost, East, West, WestHost *Node

	replugged int // number of links made by Replug
}

// New creates a lab whose links are up and whose hosts reach each other through both gateways, in clear, over
// IPv4 and, unless the kernel was booted without it, IPv6. Its
// namespaces are named NAME-SUFFIX-{easthost,east,west,westhost} under /run/netns.
//
// Returns an error that is [ErrPrivilege] when not root. After an error nothing remains. The caller must call
// [Lab.Close].
func New(name string) (*Lab, error) {
	suffix := make([]byte, 4)
	rand.Read(suffix)
	l := &Lab{Name: name + "-" + hex.EncodeToString(suffix)}
	if err := l.build(); err != nil {
		err = fmt.Errorf("create lab: %w", errors.Join(err, l.Close()))
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
			err = fmt.Errorf("%w: %w", err, ErrPrivilege)
		}
		return nil, err
	}
	return l, nil
}

func (l *Lab) build() error {
	for _, n := range []struct {
		node    **Node
		name    string
		forward bool
	}{
		{&l.EastHost, "easthost", false}, {&l.East, "east", true},
		{&l.West, "west", true}, {&l.WestHost, "westhost", false},
	} {
		var err error
		if *n.node, err = newNode(n.name, l.Name+"-"+n.name, n.forward); err != nil {
			return err
		}
	}
	l.plan()
	if err := l.wire(); err != nil {
		return err
	}
	return l.route()
}

// wire connects the nodes, gives them their addresses and waits for the links.
func (l *Lab) wire() error {
	// A gateway's lan is created before its wan: the kernel takes the source address of an unnumbered device
	// from the first device that has one.
	for _, c := range l.cables() {
		if err := connect(c, firstIndex); err != nil {
			return err
		}
	}
	return l.waitReady()
}

func (l *Lab) cables() []cable {
	return []cable{
		{end{l.EastHost, Eth0, l.EastHost.LAN4, l.EastHost.LAN6}, end{l.East, LAN, l.East.LAN4, l.East.LAN6}},
		{end{l.WestHost, Eth0, l.WestHost.LAN4, l.WestHost.LAN6}, end{l.West, LAN, l.West.LAN4, l.West.LAN6}},
		{end{l.East, WAN, l.East.WAN4, l.East.WAN6}, end{l.West, WAN, l.West.WAN4, l.West.WAN6}},
	}
}

func (l *Lab) waitReady() error {
	for _, n := range l.nodes() {
		if err := n.WaitReady(); err != nil {
			return err
		}
	}
	return nil
}

// route gives each host its gateway, and each gateway the route to the remote LAN.
func (l *Lab) route() error {
	return l.routeIf(func(*Node, string) bool { return true })
}

// routeIf adds the routes through the selected devices.
func (l *Lab) routeIf(through func(n *Node, dev string) bool) error {
	default4, default6 := netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")
	for _, r := range []struct {
		node   *Node
		dst    netip.Prefix
		via    netip.Addr
		dev    string
		metric int
	}{
		{l.EastHost, default4, l.East.LAN4, Eth0, 0}, {l.EastHost, default6, l.East.LAN6, Eth0, 0},
		{l.WestHost, default4, l.West.LAN4, Eth0, 0}, {l.WestHost, default6, l.West.LAN6, Eth0, 0},
		{l.East, WestLAN4, l.West.WAN4, WAN, FallbackMetric}, {l.East, WestLAN6, l.West.WAN6, WAN, FallbackMetric},
		{l.West, EastLAN4, l.East.WAN4, WAN, FallbackMetric}, {l.West, EastLAN6, l.East.WAN6, WAN, FallbackMetric},
	} {
		if !through(r.node, r.dev) || r.dst.Addr().Is6() && !kernelHasIPv6() {
			continue
		}
		if err := r.node.addRoute(r.dst, r.via, r.dev, r.metric); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) nodes() []*Node {
	var nodes []*Node
	for _, n := range []*Node{l.EastHost, l.East, l.West, l.WestHost} {
		if n != nil {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// Close removes the lab's namespaces with their content. The kernel frees a namespace when the last process
// or socket in it is closed. A second Close does nothing.
func (l *Lab) Close() error {
	var errs []error
	for _, n := range l.nodes() {
		errs = append(errs, n.Delete())
	}
	l.EastHost, l.East, l.West, l.WestHost = nil, nil, nil, nil
	return errors.Join(errs...)
}
