// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// newStrict returns a gateway of its own whose wan is strict.
func newStrict(t *testing.T, ingress ...string) *gateway {
	t.Helper()
	g := newDetached(t)
	g.mode = watched
	g.attachAs(t, device.Config{Virtual: ipsec0, Physical: lab.WAN, Ingress: ingress, Strict: true})
	return g
}

// inbound sends packets from West to East's wan, and checks how many of them drop as "clear-inbound" and how
// many arrive at East's host. A last packet that drops shows that the others have been processed.
func (g *gateway) inbound(t *testing.T, f family, dropped, arrived int, frames ...[]byte) {
	t.Helper()
	last := from(lab.Only(f.eastLAN), lab.Only(f.westHost), eroute.Hold)
	if err := g.apply(last); err != nil {
		t.Fatal(err)
	}
	before := g.counts(t)
	c, err := g.EastHost.Capture(lab.Eth0)
	if err != nil {
		t.Fatal(err)
	}
	frames = append(frames, g.toWAN(t, udpPacket(t, netip.AddrPortFrom(f.westHost, 9), netip.AddrPortFrom(f.eastLAN, 9))))
	for _, frame := range frames {
		if err := g.West.SendFrame(lab.WAN, frame); err != nil {
			t.Fatal(err)
		}
	}
	var got uint64
	for range 200 {
		if got = g.counts(t).since(before).Reasons["clear-inbound"]; got > uint64(dropped) {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if got != uint64(dropped+1) {
		t.Errorf("%d packets dropped, want %d", got, dropped+1)
	}
	all, err := c.Stop()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, src := range []netip.Prefix{f.westNet, lab.Only(f.wan)} {
		n += all.Count(lab.Match{Incoming: true, Dst: lab.Only(f.eastHost), Src: src})
	}
	if n != arrived {
		t.Errorf("%d packets arrived, want %d", n, arrived)
	}
}

// toWAN is the frame of a packet from West to East's wan.
func (g *gateway) toWAN(t *testing.T, packet []byte) []byte {
	t.Helper()
	frame, err := g.West.Frame(lab.WAN, 0, packet)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

// A packet that arrives in clear on a strict interface drops if its answer has an SA, a trap or a hold, in every
// form that a sender can give it. Others arrive.
func TestStrict(t *testing.T) {
	for _, ingress := range [][]string{nil, {lab.WAN}} {
		g := newStrict(t, ingress...)
		for _, f := range g.families() {
			t.Run(f.name+map[bool]string{true: "/ingress"}[ingress != nil], func(t *testing.T) {
				plain := udpPacket(t, netip.AddrPortFrom(f.westHost, 4000), netip.AddrPortFrom(f.eastHost, 4001))
				for _, said := range []eroute.SAID{said(f.wan), eroute.Trap, eroute.Hold, eroute.TrapSubnet} {
					g.only(t, from(f.eastNet, f.westNet, said))
					g.inbound(t, f, 1, 0, g.toWAN(t, plain))
				}
				for _, said := range []eroute.SAID{eroute.Pass, eroute.Drop, eroute.Reject} {
					g.only(t, from(f.eastNet, f.westNet, said))
					g.inbound(t, f, 0, 1, g.toWAN(t, plain))
				}
				g.only(t)
				g.inbound(t, f, 0, 1, g.toWAN(t, plain))

				g.only(t, from(f.eastNet, f.westNet, said(f.wan)))
				forms := g.clearForms(t, f, plain)
				g.inbound(t, f, len(forms), 0, forms...)
				vlan, err := g.West.Frame(lab.WAN, 7, plain)
				if err != nil {
					t.Fatal(err)
				}
				g.inbound(t, f, 0, 0, vlan)
				other := udpPacket(t, netip.AddrPortFrom(f.wan, 4000), netip.AddrPortFrom(f.eastHost, 4001))
				g.inbound(t, f, 0, 1, g.toWAN(t, other))

				ports := from(f.eastNet, f.westNet, said(f.wan))
				ports.Selector.Proto, ports.Selector.SrcPort, ports.Selector.DstPort = 17, 4001, 4000
				g.only(t, ports)
				g.inbound(t, f, 1, 1, g.toWAN(t, plain),
					g.toWAN(t, udpPacket(t, netip.AddrPortFrom(f.westHost, 4001), netip.AddrPortFrom(f.eastHost, 4000))))
			})
		}
	}
}

// clearForms are frames of protected traffic in clear: with options, as a later fragment, with tags of a priority,
// as key exchange, ESP, DHCP and neighbor discovery of forwarded packets, and in ICMP errors.
func (g *gateway) clearForms(t *testing.T, f family, plain []byte) (frames [][]byte) {
	t.Helper()
	at := netip.AddrPortFrom
	packets := [][]byte{
		laterFragment(t, f.westHost, f.eastHost),
		unreachable(t, f.westHost, f.eastHost),
		udpPacket(t, at(f.westHost, 500), at(f.eastHost, 500)),
		udpPacket(t, at(f.westHost, 4500), at(f.eastHost, 4500)),
		build(t, header(f.westHost, f.eastHost, layers.IPProtocolESP, nil), gopacket.Payload(make([]byte, 32))),
		build(t, header(f.westHost, f.eastHost, layers.IPProtocolAH, nil), gopacket.Payload(make([]byte, 32))),
		errorAbout(t, f.wan, f.eastHost, udpPacket(t, at(f.eastHost, 4001), at(f.westHost, 4000))),
	}
	if f.name == "v4" {
		packets = append(packets,
			build(t, header(f.westHost, f.eastHost, layers.IPProtocolUDP, func(ip *layers.IPv4) {
				ip.Options = []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}}
			}), &layers.UDP{SrcPort: 4000, DstPort: 4001}),
			udpPacket(t, at(f.westHost, 67), at(f.eastHost, 68)))
	} else {
		hop := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolIPv6HopByHop, SrcIP: f.westHost.AsSlice(), DstIP: f.eastHost.AsSlice()}
		ip := &layers.IPv6{Version: 6, HopLimit: 255, NextHeader: layers.IPProtocolICMPv6, SrcIP: f.westHost.AsSlice(), DstIP: f.eastHost.AsSlice()}
		packets = append(packets,
			build(t, hop, gopacket.Payload{17, 0, 1, 4, 0, 0, 0, 0}, gopacket.Payload{15, 160, 15, 161, 0, 8, 0, 0}),
			build(t, ip, &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(136, 0)}, gopacket.Payload(make([]byte, 20))),
			udpPacket(t, at(f.westHost, 547), at(f.eastHost, 546)))
	}
	for _, p := range packets {
		frames = append(frames, g.toWAN(t, p))
	}
	tagged, frame := g.toWAN(t, plain), g.toWAN(t, plain)
	for range 2 {
		tagged = append(append(append([]byte{}, frame[:12]...), 0x81, 0, 0, 0), tagged[12:]...)
		frames = append(frames, tagged)
	}
	return frames
}

// errorAbout is an ICMP error that quotes a packet.
func errorAbout(t *testing.T, src, dst netip.Addr, quoted []byte) []byte {
	t.Helper()
	if src.Is6() {
		return build(t, header(src, dst, layers.IPProtocolICMPv6, nil),
			&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypePacketTooBig, 0)},
			append(gopacket.Payload{0, 0, 5, 0}, quoted...))
	}
	return build(t, header(src, dst, layers.IPProtocolICMPv4, nil),
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeDestinationUnreachable, 4), Seq: 1280}, gopacket.Payload(quoted))
}

// With an SA for everything, ESP, AH and IKE to the gateway arrive, as do ICMP errors about its own ESP, and what
// the link needs. Nothing else does.
func TestStrictExempt(t *testing.T) {
	g := newStrict(t)
	for _, f := range g.families() {
		t.Run(f.name, func(t *testing.T) {
			at := netip.AddrPortFrom
			g.only(t, all(said(f.westHost))...) // an SA to another peer
			esp := build(t, header(f.eastWAN, f.wan, layers.IPProtocolESP, nil), gopacket.Payload(make([]byte, 32)))
			accepted := [][]byte{
				build(t, header(f.wan, f.eastWAN, layers.IPProtocolESP, nil), gopacket.Payload(make([]byte, 32))),
				build(t, header(f.wan, f.eastWAN, layers.IPProtocolAH, nil), gopacket.Payload(make([]byte, 32))),
				udpPacket(t, at(f.wan, 500), at(f.eastWAN, 500)),
				udpPacket(t, at(f.wan, 61000), at(f.eastWAN, 4500)),
				laterFragment(t, f.wan, f.eastWAN),
				errorAbout(t, f.westHost, f.eastWAN, esp),
			}
			dropped := [][]byte{
				udpPacket(t, at(f.wan, 500), at(f.eastWAN, 4000)),
				errorAbout(t, f.westHost, f.eastHost, esp),
				errorAbout(t, f.westHost, f.eastWAN, udpPacket(t, at(f.eastWAN, 4000), at(f.westHost, 4000))),
				errorAbout(t, f.wan, f.eastWAN, build(t, header(f.eastHost, f.wan, layers.IPProtocolESP, nil), gopacket.Payload(make([]byte, 32)))),
				udpPacket(t, at(f.westHost, 4000), at(f.eastHost, 4001)),
			}
			multicast := netip.MustParseAddr("224.0.0.5")
			if f.name == "v4" {
				accepted = append(accepted, udpPacket(t, at(f.wan, 67), at(netip.MustParseAddr("255.255.255.255"), 68)))
			} else {
				multicast = netip.MustParseAddr("ff02::5")
				ip := &layers.IPv6{Version: 6, HopLimit: 255, NextHeader: layers.IPProtocolICMPv6, SrcIP: f.wan.AsSlice(), DstIP: f.eastWAN.AsSlice()}
				accepted = append(accepted, build(t, ip, &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(136, 0)}, gopacket.Payload(make([]byte, 20))))
			}
			accepted = append(accepted, udpPacket(t, at(f.wan, 4000), at(multicast, 4000)))
			for _, p := range accepted {
				g.inbound(t, f, 0, 0, g.toWAN(t, p))
			}
			for _, p := range dropped {
				g.inbound(t, f, 1, 0, g.toWAN(t, p))
			}
		})
	}
}

// A strict device stays strict when its interface returns, after --sync, --upgrade, and an attach after the ipsec
// device was deleted; an attach without --strict ends it, as does a detach.
func TestStrictStays(t *testing.T) {
	path := testenv.Ipsec(t)
	g := newDetached(t)
	run := func(args string) {
		t.Helper()
		if _, stderr, err := g.command(t, path, args); err != nil {
			t.Fatalf("ipsec %s: %v, %s", args, err, stderr)
		}
	}
	const attach = "tncfg --attach --virtual ipsec0 --physical wan"
	f := g.families()[0]
	strict := func(after string, want bool) {
		t.Helper()
		g.only(t, from(f.eastNet, f.westNet, eroute.Hold))
		before := g.counts(t)
		packet := udpPacket(t, netip.AddrPortFrom(f.westHost, 4000), netip.AddrPortFrom(f.eastHost, 4001))
		if err := g.West.SendIP(lab.WAN, packet); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		if n := g.counts(t).since(before).Reasons["clear-inbound"]; (n == 1) != want {
			t.Errorf("after %s %d packets dropped", after, n)
		}
		if stdout, _, err := g.command(t, path, "tncfg"); err != nil || strings.Contains(stdout, "strict") != want || strings.Contains(stdout, "out of sync") {
			t.Errorf("after %s: %v, %s", after, err, stdout)
		}
	}
	run(attach)
	strict("attach", false)
	run("tncfg --detach --virtual ipsec0")
	run(attach + " --strict")
	strict("attach --strict", true)
	run("tncfg --upgrade")
	strict("upgrade", true)
	if err := errors.Join(g.Unplug(g.East, lab.WAN), g.Replug(g.East, lab.WAN)); err != nil {
		t.Fatal(err)
	}
	run("eroute --sync")
	strict("a new wan", true)
	for _, dev := range []string{lab.WAN, ipsec0} {
		g.detachInbound(t, dev)
		if stdout, _, _ := g.command(t, path, "tncfg"); !strings.Contains(stdout, "the program that checks what arrives on "+dev+" is detached") {
			t.Errorf("listed:\n%s", stdout)
		}
		run("eroute --sync")
		strict("a detached program", true)
	}
	g.ip(t, "link del ipsec0")
	run(attach + " --strict")
	strict("another attach --strict", true)
	g.ip(t, "link del ipsec0")
	run(attach)
	strict("an attach without it", false)
	run("tncfg --detach --virtual ipsec0")
}

// detachInbound detaches the program for what arrives on a device.
func (g *gateway) detachInbound(t *testing.T, dev string) {
	t.Helper()
	index := g.ifindex(t, dev)
	err := g.write(func(table *maps.Table) error {
		links, err := table.Dir().Links(ipsec0)
		if err != nil {
			return err
		}
		return links.Detach(index, loader.HookInbound)
	})
	if err != nil {
		t.Fatal(err)
	}
}
