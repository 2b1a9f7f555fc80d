// SPDX-License-Identifier: Apache-2.0

package follow_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/follow"
	"github.com/ipsec-eroute/eroute/pkg/migrate"
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

// selectors returns selectors of a source, a destination and a protocol.
func selectors(texts ...string) (all []eroute.Selector) {
	for _, text := range texts {
		f := strings.Fields(text)
		proto, _ := strconv.Atoi(f[2])
		all = append(all, eroute.Selector{Src: netip.MustParsePrefix(f[0]), Dst: netip.MustParsePrefix(f[1]), Proto: uint8(proto)})
	}
	return all
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
		others   []eroute.Selector
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
		{name: "a narrower bypass", policies: []xfrm.Policy{tunnel, out("10.1.0.0/16", "10.2.192.0/18", 10)}, want: []string{"10.1.0.0/16 -> 10.2.0.0/17", "10.1.0.0/16 -> 10.2.128.0/18"}},
		{name: "a bypass of narrower sources and wider destinations", policies: []xfrm.Policy{tunnel, out("10.1.0.0/18", "10.0.0.0/8", 10)}, want: []string{"10.1.128.0/17 -> 10.2.0.0/16", "10.1.64.0/18 -> 10.2.0.0/16"}},
		{name: "a narrower bypass on both sides", policies: []xfrm.Policy{tunnel, out("10.1.0.0/17", "10.2.128.0/17", 10)}, want: []string{"10.1.128.0/17 -> 10.2.0.0/16", "10.1.0.0/17 -> 10.2.0.0/17"}},
		{name: "two narrower bypasses", policies: []xfrm.Policy{tunnel, out("10.1.0.0/16", "10.2.128.0/17", 10), out("10.1.0.0/16", "10.2.0.0/18", 10)}, want: []string{"10.1.0.0/16 -> 10.2.64.0/18"}},
		{name: "a narrower bypass of equal priority", policies: []xfrm.Policy{tunnel, out("10.1.0.0/16", "10.2.128.0/17", 20)}, want: []string{"10.1.0.0/16 -> 10.2.0.0/17"},
			left: []string{"policy 10.1.0.0/16 -> 10.2.128.0/17 priority 20 " + open + ": 10.1.0.0/16 -> 10.2.128.0/17 has no eroute"}},
		{name: "a narrower bypass of one protocol", policies: []xfrm.Policy{tunnel, ports(out("10.1.0.0/16", "10.2.128.0/17", 10), 17, xfrm.PortMask{}, xfrm.PortMask{})}, want: []string{"10.1.0.0/16 -> 10.2.0.0/17"},
			left: []string{"policy 10.1.0.0/16 -> 10.2.128.0/17 proto 17 priority 10 " + open + ": 10.1.0.0/16 -> 10.2.128.0/17 has no eroute"}},
		{name: "an eroute for all packets of a policy that is divided", policies: []xfrm.Policy{tunnel, out("10.1.0.0/16", "10.2.128.0/17", 10)}, others: selectors("10.1.0.0/16 10.2.0.0/16 0")},
		{name: "an eroute wider than a policy that is divided", policies: []xfrm.Policy{tunnel, out("10.1.0.0/16", "10.2.128.0/17", 10)}, others: selectors("10.1.0.0/16 10.2.0.0/15 0", "10.0.0.0/8 10.2.0.0/16 0"), want: []string{"10.1.0.0/16 -> 10.2.0.0/17"}},
		{name: "an eroute within a policy that is divided", policies: []xfrm.Policy{tunnel, out("10.1.128.0/17", "10.2.0.0/16", 10)}, others: selectors("10.1.0.0/16 10.2.128.0/17 0", "10.1.0.0/18 10.2.0.0/18 0"), want: []string{"10.1.0.0/17 -> 10.2.0.0/17"}},
		{name: "an eroute for a protocol within a policy that is divided", policies: []xfrm.Policy{tunnel, out("10.1.128.0/17", "10.2.0.0/16", 10)}, others: selectors("10.1.0.0/16 10.2.128.0/17 6"), want: []string{"10.1.0.0/17 -> 10.2.0.0/17"},
			left: []string{"an eroute takes precedence for some of its packets: 10.1.0.0/17 -> 10.2.128.0/17 has no other eroute"}},
		{name: "a bypass that needs too many eroutes", left: []string{"more than 1024 eroutes"}, policies: func() (all []xfrm.Policy) {
			for i := range 256 {
				all = append(all, out("2001:db8:1::/48", fmt.Sprintf("2001:db8:2::%x/128", i<<8), 10))
			}
			return append(all, tunnel6)
		}()},
		{name: "a wider bypass of better priority", policies: []xfrm.Policy{tunnel, out("10.0.0.0/8", "10.0.0.0/8", 10)}},
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
			parts, left := follow.Selectors(c.policies, c.others)
			var got []string
			for _, s := range parts {
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

// For random policies no packet that XFRM can send in clear has a selector, and each packet that it protects has one
// unless its policy is named.
func TestSelectorsRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	followed, guarded, named := 0, 0, 0
	for range 6000 {
		policies := randomPolicies(r)
		parts, left := follow.Selectors(policies, nil)
		followed += len(parts)
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
			if !slices.ContainsFunc(parts, func(s eroute.Selector) bool { return s.Matches(packet) }) {
				if !protected || clear || packet.Proto == eroute.ProtoTCP && packet.DstPort == 0 {
					continue
				}
				if !slices.ContainsFunc(left, func(l follow.Left) bool { return matches(l.Policy, packet) }) {
					t.Fatalf("%+v is not followed, and no policy is named: %+v", packet, policies)
				}
				named++
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
	if followed == 0 || guarded == 0 || named == 0 {
		t.Errorf("%d selectors, %d protected packets, %d of named policies: that tests nothing", followed, guarded, named)
	}
	t.Logf("%d selectors, %d packets that are kept from leaving in clear, %d of policies that are named", followed, guarded, named)
}

// In random tables no eroute of others that takes precedence over a policy loses it to a part of the policy.
func TestOthersPrecede(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	divided, yielded := 0, 0
	for range 2000 {
		policies := randomPolicies(r)
		var others []eroute.Selector
		for _, p := range randomPolicies(r) {
			others = append(others, eroute.Selector{Src: p.Src, Dst: p.Dst, Proto: p.Proto})
		}
		without, _ := follow.Selectors(policies, nil)
		with, _ := follow.Selectors(policies, others)
		if !slices.Equal(without, with) {
			yielded++
		}
		for _, part := range with {
			of := func(p xfrm.Policy) eroute.Selector {
				return eroute.Selector{Src: p.Src, Dst: p.Dst, Proto: p.Proto, DstPort: p.DstPort.Port}
			}
			if !slices.ContainsFunc(policies, func(p xfrm.Policy) bool { return of(p) == part }) {
				divided++
			}
			for _, other := range others {
				if !migrate.Overlap(other, part) || eroute.MoreSpecific(part, other) >= 0 {
					continue
				}
				if !slices.ContainsFunc(policies, func(p xfrm.Policy) bool { return of(p).Contains(part) && eroute.MoreSpecific(of(p), other) < 0 }) {
					t.Fatalf("%v takes precedence over %v, which no policy does: %+v", part, other, policies)
				}
			}
		}
	}
	if divided == 0 || yielded == 0 {
		t.Errorf("%d parts, %d tables with other eroutes in the way: that tests nothing", divided, yielded)
	}
}
