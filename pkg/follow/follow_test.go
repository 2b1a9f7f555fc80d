// SPDX-License-Identifier: Apache-2.0

package follow_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/follow"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

var esp = xfrm.Template{Proto: eroute.ProtoESP, Mode: xfrm.ModeTunnel, ReqID: 7}

// out returns an outbound policy; without templates it sends packets in clear.
func out(src, dst string, priority uint32, templates ...xfrm.Template) xfrm.Policy {
	return xfrm.Policy{Dir: xfrm.Out, Src: netip.MustParsePrefix(src), Dst: netip.MustParsePrefix(dst), Priority: priority, Templates: templates}
}

func with(p xfrm.Policy, change func(*xfrm.Policy)) xfrm.Policy {
	change(&p)
	return p
}

func TestSelectors(t *testing.T) {
	optional, comp := esp, esp
	optional.Optional = true
	comp.Proto, comp.Optional = eroute.ProtoComp, true
	tunnel, tunnel6 := out("10.1.0.0/16", "10.2.0.0/16", 20, esp), out("2001:db8:1::/48", "2001:db8:2::/48", 20, esp)
	const followed, followed6, open = "10.1.0.0/16 -> 10.2.0.0/16", "2001:db8:1::/48 -> 2001:db8:2::/48", "sends some of its packets in clear"
	ports := func(p xfrm.Policy, proto uint8, from, to xfrm.PortMask) xfrm.Policy {
		p.Proto, p.SrcPort, p.DstPort = proto, from, to
		return p
	}
	exactly := func(port uint16) xfrm.PortMask { return xfrm.PortMask{Port: port, Mask: 0xffff} }
	for _, c := range []struct {
		name     string
		policies []xfrm.Policy
		want     []string
		left     []string // parts of their texts
	}{
		{name: "a tunnel", policies: []xfrm.Policy{tunnel}, want: []string{followed}},
		{name: "a tunnel with optional compression", policies: []xfrm.Policy{out("10.1.0.0/16", "10.2.0.0/16", 20, comp, esp)}, want: []string{followed}},
		{name: "an optional tunnel", policies: []xfrm.Policy{out("10.1.0.0/16", "10.2.0.0/16", 20, optional)}},
		{name: "a tunnel for a mark", policies: []xfrm.Policy{with(tunnel, func(p *xfrm.Policy) { p.Mark, p.Mask = 5, 0xff })}, left: []string{"marks"}},
		{name: "policies for others", policies: []xfrm.Policy{
			with(tunnel, func(p *xfrm.Policy) { p.Dir = xfrm.In }),
			with(tunnel, func(p *xfrm.Policy) { p.IfID = 3 }),
			with(tunnel, func(p *xfrm.Policy) { p.Block, p.Templates = true, nil }),
		}},
		{name: "a bypass elsewhere", policies: []xfrm.Policy{tunnel, out("10.1.0.0/16", "10.1.0.0/16", 10)}, want: []string{followed}},
		{name: "a narrower bypass", policies: []xfrm.Policy{tunnel, out("10.1.0.0/16", "10.2.3.0/24", 10)}, left: []string{"policy 10.1.0.0/16 -> 10.2.3.0/24 priority 10 " + open}},
		{name: "a narrower bypass of worse priority", policies: []xfrm.Policy{tunnel, out("10.1.0.0/16", "10.2.3.0/24", 30)}, want: []string{followed}},
		{name: "a wider bypass of equal priority", policies: []xfrm.Policy{tunnel, out("10.0.0.0/8", "10.0.0.0/8", 20)}, left: []string{open}},
		{name: "a wider bypass of worse priority", policies: []xfrm.Policy{tunnel, out("10.0.0.0/8", "10.0.0.0/8", 21)}, want: []string{followed}},
		{name: "a bypass of one port", policies: []xfrm.Policy{tunnel, ports(out("10.1.0.0/16", "10.2.0.0/16", 10), 17, xfrm.PortMask{}, exactly(53))}, left: []string{open}},
		{name: "a bypass of IKE", policies: []xfrm.Policy{tunnel, ports(out("0.0.0.0/0", "0.0.0.0/0", 1), 17, exactly(500), xfrm.PortMask{}), ports(out("0.0.0.0/0", "0.0.0.0/0", 1), 17, exactly(4500), xfrm.PortMask{})}, want: []string{followed}},
		{name: "a bypass for a mark", policies: []xfrm.Policy{tunnel, with(out("10.1.0.0/16", "10.2.0.0/16", 10), func(p *xfrm.Policy) { p.Mark, p.Mask = 5, 0xff })}, left: []string{open}},
		{name: "a bypass of neighbor discovery", policies: []xfrm.Policy{tunnel6, ports(out("::/0", "::/0", 1), 58, exactly(135), xfrm.PortMask{})}, want: []string{followed6}},
		{name: "a bypass of pings", policies: []xfrm.Policy{tunnel6, ports(out("::/0", "::/0", 1), 58, exactly(128), xfrm.PortMask{})}, left: []string{open}},
		{name: "a bypass of type sub", policies: []xfrm.Policy{tunnel, with(out("10.1.0.0/16", "10.2.0.0/16", 30), func(p *xfrm.Policy) { p.Sub = true })}, left: []string{open}},
		{name: "a bypass for all families", policies: []xfrm.Policy{tunnel, with(out("10.1.0.0/16", "10.2.0.0/16", 10), func(p *xfrm.Policy) { p.Src, p.Dst = netip.Prefix{}, netip.Prefix{} })}, left: []string{open}},
		{name: "two policies for the same packets", policies: []xfrm.Policy{tunnel, out("10.1.0.0/16", "10.2.0.0/16", 30, esp)}, want: []string{followed}},
	} {
		t.Run(c.name, func(t *testing.T) {
			selectors, left := follow.Selectors(c.policies)
			var got []string
			for _, s := range selectors {
				got = append(got, fmt.Sprintf("%s -> %s", s.Src, s.Dst))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("followed:\n%s", diff)
			}
			if len(left) != len(c.left) {
				t.Fatalf("left %v, want %q", left, c.left)
			}
			for i, l := range left {
				if !strings.Contains(l.String(), c.left[i]) || strings.Contains(l.String(), "\n") {
					t.Errorf("left %q, want %q", l, c.left[i])
				}
			}
		})
	}
}

// randomPolicies returns policies that often overlap, as a key manager or an administrator could install them.
func randomPolicies(r *rand.Rand) (all []xfrm.Policy) {
	prefix := func() string {
		addr := netip.AddrFrom4([4]byte{10, byte(r.IntN(4)), byte(r.IntN(2)), 0})
		p, _ := addr.Prefix([]int{0, 8, 14, 16, 23, 24}[r.IntN(6)])
		return p.String()
	}
	optional := esp
	optional.Optional = true
	for range 1 + r.IntN(6) {
		p := out(prefix(), prefix(), uint32(r.IntN(4)), [][]xfrm.Template{nil, {esp}, {esp}, {optional}, {optional, esp}}[r.IntN(5)]...)
		p.Block = p.Templates == nil && r.IntN(3) == 0
		if r.IntN(3) == 0 {
			p.Proto = eroute.ProtoTCP
			if r.IntN(2) == 0 {
				p.DstPort = xfrm.PortMask{Port: 25, Mask: 0xffff}
			}
		}
		if r.IntN(6) == 0 {
			p.Mark, p.Mask = 5, 0xff
		}
		all = append(all, p)
	}
	return all
}

// mayLeave returns the verdicts that XFRM can have for a packet: those of the matching policies of the best priority,
// in clear if none matches. Marks are not known.
func mayLeave(all []xfrm.Policy, packet eroute.Packet) (clear, protected bool) {
	best := ^uint32(0)
	for _, p := range all {
		if matches(p, packet) && p.Mask == 0 {
			best = min(best, p.Priority)
		}
	}
	clear = best == ^uint32(0)
	for _, p := range all {
		if !matches(p, packet) || p.Priority > best || p.Block {
			continue
		}
		open := !slices.ContainsFunc(p.Templates, func(t xfrm.Template) bool { return !t.Optional })
		clear, protected = clear || open, protected || !open
	}
	return clear, protected
}

func matches(p xfrm.Policy, packet eroute.Packet) bool {
	return p.Src.Contains(packet.Src) && p.Dst.Contains(packet.Dst) && (p.Proto == 0 || p.Proto == packet.Proto) &&
		(p.DstPort.Mask == 0 || p.DstPort.Port == packet.DstPort)
}

// For random policies no packet that XFRM can send in clear has a selector.
func TestSelectorsRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	followed, guarded := 0, 0
	for range 6000 {
		policies := randomPolicies(r)
		selectors, _ := follow.Selectors(policies)
		followed += len(selectors)
		for range 50 {
			packet := eroute.Packet{
				Src:   netip.AddrFrom4([4]byte{10, byte(r.IntN(4)), byte(r.IntN(2)), 1}),
				Dst:   netip.AddrFrom4([4]byte{10, byte(r.IntN(4)), byte(r.IntN(2)), 1}),
				Proto: []uint8{1, 6}[r.IntN(2)],
			}
			if packet.Proto == eroute.ProtoTCP {
				packet.DstPort = []uint16{25, 80, 0}[r.IntN(3)] // 0: a later fragment
			}
			clear, protected := mayLeave(policies, packet)
			if packet.Proto == eroute.ProtoTCP && packet.DstPort == 0 { // its first fragment decided
				first := packet
				first.DstPort = 25
				c, p := mayLeave(policies, first)
				clear, protected = clear || c, protected || p
			}
			if !slices.ContainsFunc(selectors, func(s eroute.Selector) bool { return s.Matches(packet) }) {
				continue
			}
			if clear {
				t.Fatalf("%+v is followed, but XFRM can send it in clear: %+v", packet, policies)
			}
			if protected {
				guarded++
			}
		}
	}
	if followed == 0 || guarded == 0 {
		t.Errorf("%d selectors and %d protected packets: that tests nothing", followed, guarded)
	}
	t.Logf("%d selectors, %d packets that are kept from leaving in clear", followed, guarded)
}
