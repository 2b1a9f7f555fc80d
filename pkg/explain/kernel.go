// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/fib"
	"github.com/ipsec-eroute/eroute/pkg/ifname"
	"github.com/ipsec-eroute/eroute/pkg/netdump"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// KernelView is the state of a network namespace, outside of the table, on which the fate of
// packets depends: SAs, policies and routes.
type KernelView interface {
	// SA returns the state that a SAID names, see [xfrm.Handle.Lifetime].
	SA(said eroute.SAID) (xfrm.Lifetime, error)
	// Policy returns the key manager's policy for a flow, nil if there is none.
	Policy(flow eroute.Selector) (*xfrm.OutPolicy, error)
	// Route returns the next hop of locally generated packets without a mark. If device is
	// not empty, only routes through that interface are considered.
	Route(dst netip.Addr, device string) Hop
	// Outgoing returns the next hop of the packets that a tunnel-mode state encapsulates.
	Outgoing(state xfrm.State) Hop
	// Ifindex returns the index of an interface, 0 if it does not exist.
	Ifindex(device string) uint32
	// OnlineCPUs returns the CPUs on which packets can be, see [xfrm.OnlineCPUs].
	OnlineCPUs() ([]uint32, error)
	// Members returns the members of a bond, bridge or team; nil if it is none.
	Members(device string) []string
	Close() error
}

// Hop is where routing sends a packet.
type Hop struct {
	Device  string     // outgoing interface; empty: none
	Via     netip.Addr // next hop; zero: the destination itself
	Problem string     // why there is no interface
	Local   bool       // the destination is an address of the gateway
}

// kernelView is the view of the calling thread's network namespace.
type kernelView struct {
	xfrm     *xfrm.Handle // nil: this kernel has no XFRM
	router   fib.Router
	policies *[]xfrm.OutPolicy   // read once for all packets; nil: not yet
	members  map[string][]string // likewise
}

// OpenKernelView opens the view of the calling thread's network namespace. Needs CAP_NET_ADMIN.
func OpenKernelView() (KernelView, error) {
	h, err := xfrm.Open()
	if err != nil && !errors.Is(err, unix.EPROTONOSUPPORT) {
		return nil, err
	}
	return &kernelView{xfrm: h}, nil
}

func (k *kernelView) SA(said eroute.SAID) (xfrm.Lifetime, error) {
	if k.xfrm == nil {
		return xfrm.Lifetime{}, fmt.Errorf("this kernel has no XFRM: %w", xfrm.ErrNoState)
	}
	return k.xfrm.Lifetime(said)
}

func (k *kernelView) Policy(flow eroute.Selector) (*xfrm.OutPolicy, error) {
	if k.xfrm == nil {
		return nil, nil
	}
	if k.policies == nil {
		all, err := k.xfrm.OutPolicies()
		if err != nil {
			return nil, err
		}
		k.policies = &all
	}
	return xfrm.PolicyFor(*k.policies, flow), nil
}

func (k *kernelView) Route(dst netip.Addr, device string) Hop {
	routes, err := netlink.RouteGetWithOptions(dst.AsSlice(), &netlink.RouteGetOptions{Oif: device})
	if err != nil {
		return Hop{Problem: err.Error()}
	}
	if len(routes) == 0 {
		return Hop{Problem: "no route"}
	}
	return newHop(&routes[0])
}

func (k *kernelView) Outgoing(state xfrm.State) Hop {
	to, err := k.router.Output(state.Outgoing())
	if err != nil {
		return Hop{Problem: err.Error()}
	}
	device, err := ifname.Lookup(to.Ifindex)
	if err != nil {
		return Hop{Problem: err.Error()}
	}
	return Hop{Device: device, Via: to.Via}
}

func newHop(r *netlink.Route) (h Hop) {
	if r.Type == unix.RTN_LOCAL {
		return Hop{Problem: "local address of the gateway", Local: true}
	}
	device, err := ifname.Lookup(r.LinkIndex)
	if err != nil {
		return Hop{Problem: err.Error()}
	}
	h.Device = device
	gateway := r.Gw
	if via, ok := r.Via.(*netlink.Via); ok { // next hop of the other family
		gateway = via.Addr
	}
	if addr, ok := netip.AddrFromSlice(gateway); ok {
		h.Via = addr.Unmap()
	}
	return h
}

func (k *kernelView) Ifindex(device string) uint32 {
	link, err := netlink.LinkByName(device)
	if err != nil {
		return 0
	}
	return uint32(link.Attrs().Index)
}

func (k *kernelView) OnlineCPUs() ([]uint32, error) { return xfrm.OnlineCPUs() }

// Members ignores an error: without members an interface counts as not watched.
func (k *kernelView) Members(device string) []string {
	if k.members == nil {
		links, _ := netdump.Links()
		k.members = netdump.Members(links)
	}
	return k.members[device]
}

func (k *kernelView) Close() error {
	if k.xfrm == nil {
		return k.router.Close()
	}
	return errors.Join(k.router.Close(), k.xfrm.Close())
}
