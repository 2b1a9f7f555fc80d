// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/fib"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// surroundings is what decides of packets beside the table: SAs and routes of a network
// namespace.
type surroundings interface {
	// SA reads the state that a SAID means, see [xfrm.Handle.Life].
	SA(said eroute.SAID) (xfrm.Life, error)
	// Policy returns the key manager's policy for a flow, nil if there is none.
	Policy(flow eroute.Selector) (*xfrm.OutPolicy, error)
	// Route tells where routing sends packets that the gateway makes itself, without a
	// mark; device narrows it to the routes out of one interface.
	Route(dst netip.Addr, device string) hop
	// Outgoing tells where routing sends the packets that a state in tunnel mode makes.
	Outgoing(state xfrm.State) hop
	// Ifindex is the index of an interface, 0 if there is none of that name.
	Ifindex(device string) uint32
	Close() error
}

// hop is where routing sends a packet.
type hop struct {
	device  string     // that it leaves by; empty: none
	via     netip.Addr // next hop; zero: the destination itself
	problem string     // why it does not leave
}

// kernelSurroundings are those of the calling thread's network namespace.
type kernelSurroundings struct {
	xfrm   *xfrm.Handle // nil: this kernel has no XFRM
	router fib.Router
}

func openSurroundings() (surroundings, error) {
	h, err := xfrm.Open()
	if err != nil && !errors.Is(err, unix.EPROTONOSUPPORT) {
		return nil, err
	}
	return &kernelSurroundings{xfrm: h}, nil
}

func (k *kernelSurroundings) SA(said eroute.SAID) (xfrm.Life, error) {
	if k.xfrm == nil {
		return xfrm.Life{}, fmt.Errorf("this kernel has no XFRM: %w", xfrm.ErrNoState)
	}
	return k.xfrm.Life(said)
}

func (k *kernelSurroundings) Policy(flow eroute.Selector) (*xfrm.OutPolicy, error) {
	if k.xfrm == nil {
		return nil, nil
	}
	all, err := k.xfrm.OutPolicies()
	return xfrm.PolicyFor(all, flow), err
}

func (k *kernelSurroundings) Route(dst netip.Addr, device string) hop {
	routes, err := netlink.RouteGetWithOptions(dst.AsSlice(), &netlink.RouteGetOptions{Oif: device})
	if err != nil {
		return hop{problem: err.Error()}
	}
	if len(routes) == 0 {
		return hop{problem: "no route"}
	}
	return newHop(&routes[0])
}

func (k *kernelSurroundings) Outgoing(state xfrm.State) hop {
	to, err := k.router.Output(state.Outgoing())
	if err != nil {
		return hop{problem: err.Error()}
	}
	link, err := netlink.LinkByIndex(to.Ifindex)
	if err != nil {
		return hop{problem: err.Error()}
	}
	return hop{device: link.Attrs().Name, via: to.Via}
}

func newHop(r *netlink.Route) (h hop) {
	if r.Type == unix.RTN_LOCAL {
		return hop{problem: "local address of the gateway"}
	}
	link, err := netlink.LinkByIndex(r.LinkIndex)
	if err != nil {
		return hop{problem: err.Error()}
	}
	h.device = link.Attrs().Name
	gateway := r.Gw
	if via, ok := r.Via.(*netlink.Via); ok { // a neighbour of the other family
		gateway = via.Addr
	}
	if addr, ok := netip.AddrFromSlice(gateway); ok {
		h.via = addr.Unmap()
	}
	return h
}

func (k *kernelSurroundings) Ifindex(device string) uint32 {
	link, err := netlink.LinkByName(device)
	if err != nil {
		return 0
	}
	return uint32(link.Attrs().Index)
}

func (k *kernelSurroundings) Close() error {
	if k.xfrm == nil {
		return k.router.Close()
	}
	return errors.Join(k.router.Close(), k.xfrm.Close())
}
