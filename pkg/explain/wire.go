// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// Details of packets that leave a watched interface without being matched.
const (
	linkScope     = "traffic of the link, which leaves as it is; a packet that arrived on an interface matches the table"
	notWatchedYet = " was created again and is not watched yet: start ipsec acquire, or run ipsec eroute --sync"
	dhcpClient    = "in clear if sent by the DHCP client of root; any other such packet matches the table"
)

// decideWire determines what happens to the packet where it leaves through an interface that d watches, in the
// order of bpf/wire.bpf.c.
func (x *explainer) decideWire(e *Explanation, d *device.Attachment) error {
	e.Next = e.Route
	if isLinkScope(e.Packet.Dst) {
		e.Outcome = Outcome{maps.Sent, "", linkScope}
		return nil
	}
	if isDHCP(e.Packet) && x.kernel.Route(e.Packet.Src, "").Local {
		e.Outcome = Outcome{maps.Sent, "", dhcpClient}
		return nil
	}
	own, err := x.isOwnKeyExchange(e)
	if err != nil {
		return err
	}
	policy, err := x.kernel.Policy(only(e.Packet))
	switch {
	case err != nil:
		return err
	case own:
		e.Outcome = Outcome{maps.Sent, "key-exchange", ownKeyExchange}
	case policy != nil && policy.IfID == 0:
		e.Outcome = Outcome{maps.Sent, "", fmt.Sprintf("XFRM encrypts it or waits for an SA: its policy %s -> %s applies before the eroutes", policy.Selector.Src, policy.Selector.Dst)}
	case slices.Contains(d.Unwatched, e.Route.Device):
		decideUnwatched(e, d)
	case e.Match == nil && d.DropUnmatched:
		e.Next = Hop{}
		e.Outcome = Outcome{maps.Dropped, "no-eroute", "--unmatched drop"}
	case e.Match == nil:
		e.Outcome = Outcome{maps.Sent, "", "in clear: it has no eroute"}
	case e.Match.SAID.Action() == eroute.ActionPass:
		e.Outcome = Outcome{maps.Sent, "pass", "in clear"}
	default:
		e.Next = Hop{}
		return x.decideProtected(e)
	}
	return nil
}

// decideUnwatched determines what happens to a packet that leaves through a watched interface that was created again,
// in the order of bpf/guard.bpf.c.
func decideUnwatched(e *Explanation, d *device.Attachment) {
	passes := e.Match == nil && !d.DropUnmatched || e.Match != nil && e.Match.SAID.Action() == eroute.ActionPass
	if passes || !d.Guarded {
		e.Outcome = Outcome{maps.Sent, "", "in clear: " + e.Route.Device + notWatchedYet}
		return
	}
	e.Next = Hop{}
	e.Outcome = Outcome{maps.Dropped, "unwatched", e.Route.Device + notWatchedYet}
}

// only returns the selector that matches this packet and no other.
func only(p eroute.Packet) eroute.Selector {
	return eroute.Selector{
		Src: netip.PrefixFrom(p.Src, p.Src.BitLen()), Dst: netip.PrefixFrom(p.Dst, p.Dst.BitLen()),
		Proto: p.Proto, SrcPort: p.SrcPort, DstPort: p.DstPort,
	}
}

// isLinkScope reports whether packets to an address do not leave the link, where bpf/link_scope.h decides by
// the address.
func isLinkScope(dst netip.Addr) bool {
	if dst.Is4() {
		return dst.IsLinkLocalMulticast() || dst == netip.AddrFrom4([4]byte{255, 255, 255, 255})
	}
	return dst.IsInterfaceLocalMulticast() || dst.IsLinkLocalMulticast() || dst.IsLinkLocalUnicast()
}

// isDHCP reports whether a packet is from the port of a DHCP client to that of a server.
func isDHCP(p eroute.Packet) bool {
	client, server := uint16(68), uint16(67)
	if p.Dst.Is6() {
		client, server = 546, 547
	}
	return p.Proto == unix.IPPROTO_UDP && p.SrcPort == client && p.DstPort == server
}
