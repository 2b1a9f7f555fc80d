// SPDX-License-Identifier: Apache-2.0

//go:build vm

// Tests that need a kernel with ESP, AH, IPComp and XFRM interfaces, and root.

package xfrm

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// kinds are states as key managers create them, in the syntax of ip-xfrm(8).
var kinds = []struct {
	name   string
	add    string
	proto  uint8
	spi    uint32
	dst    string
	inner  Families
	packet string // destination address of its traffic
}{
	{name: "esp gcm tunnel v4", add: v4 + "proto esp spi 0x135 reqid 42 mode tunnel" + gcm, proto: 50, spi: 0x135, inner: IPv4, packet: "10.9.9.9"},
	{name: "esp cbc tunnel v4", add: v4 + "proto esp spi 0x135 mode tunnel" + cbc, proto: 50, spi: 0x135, inner: IPv4, packet: "10.9.9.9"},
	{name: "esp both inside v4", add: v4 + "proto esp spi 0x135 reqid 1 mode tunnel flag af-unspec" + gcm, proto: 50, spi: 0x135, inner: IPv4 | IPv6, packet: "2001:db8:9::9"},
	{name: "esp tunnel v6", add: v6 + "proto esp spi 0x80000135 reqid 1 mode tunnel" + gcm, proto: 50, spi: 0x80000135, dst: "2001:db8::2", inner: IPv6, packet: "2001:db8:9::9"},
	{name: "esp both inside v6", add: v6 + "proto esp spi 0x135 reqid 1 mode tunnel flag af-unspec" + cbc, proto: 50, spi: 0x135, dst: "2001:db8::2", inner: IPv4 | IPv6, packet: "10.9.9.9"},
	{name: "esp transport v4", add: v4 + "proto esp spi 0x135 reqid 2 mode transport" + gcm, proto: 50, spi: 0x135, inner: IPv4},
	{name: "esp transport v6", add: v6 + "proto esp spi 0x135 reqid 2 mode transport" + cbc, proto: 50, spi: 0x135, dst: "2001:db8::2", inner: IPv6},
	{name: "esp esn", add: v4 + "proto esp spi 0x135 reqid 2 mode tunnel replay-window 64 replay-oseq 77 flag esn" + gcm, proto: 50, spi: 0x135, inner: IPv4, packet: "10.9.9.9"},
	{name: "esp in udp, output mark", add: v4 + "proto esp spi 0x135 reqid 2 mode tunnel replay-oseq 9 replay-window 32 flag noecn nopmtudisc output-mark 0x7" + gcm + " encap espinudp 4500 4500 0.0.0.0", proto: 50, spi: 0x135, inner: IPv4},
	{name: "esp with limits", add: v4 + "proto esp spi 0x135 reqid 2 mode tunnel limit byte-hard 1000000 limit time-hard 3600 limit packet-soft 5000" + gcm, proto: 50, spi: 0x135, inner: IPv4, packet: "10.9.9.9"},
	{name: "esp mark 0", add: v4 + "proto esp spi 0x135 reqid 2 mode tunnel mark 0 mask 0xff" + gcm, proto: 50, spi: 0x135, inner: IPv4, packet: "10.9.9.9"},
	{name: "esp source is a secondary address", add: "src 192.0.2.77 dst 192.0.2.2 proto esp spi 0x135 reqid 2 mode tunnel" + gcm, proto: 50, spi: 0x135, inner: IPv4, packet: "10.9.9.9"},
	{name: "ah tunnel v4", add: v4 + "proto ah spi 0x135 reqid 3 mode tunnel" + cmac, proto: 51, spi: 0x135, inner: IPv4, packet: "10.9.9.9"},
	{name: "ah transport v6", add: v6 + "proto ah spi 0x135 reqid 3 mode transport auth hmac(sha1) 0x000102030405060708090a0b0c0d0e0f10111213", proto: 51, spi: 0x135, dst: "2001:db8::2", inner: IPv6},
	{name: "comp tunnel v4", add: v4 + "proto comp spi 0x200 reqid 4 mode tunnel comp deflate", proto: 108, spi: 0x200, inner: IPv4, packet: "10.9.9.9"},
	{name: "comp transport v4", add: v4 + "proto comp spi 0x200 reqid 4 mode transport comp deflate", proto: 108, spi: 0x200, inner: IPv4},
}

// TestVMBind checks that every kind of state is found by its SAIDs, gets the if_id and no other change, and
// processes the packets, and that a second Bind sends nothing.
func TestVMBind(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			h := newNamespace(t)
			setUpPath(t)
			ip(t, "xfrm state add "+kind.add)
			before, _ := showState(t)

			dst := netip.MustParseAddr("192.0.2.2")
			if kind.dst != "" {
				dst = netip.MustParseAddr(kind.dst)
			}
			said := eroute.SAID{Proto: kind.proto, SPI: kind.spi, Dst: dst}
			if prev, err := h.Bind(said, testIfID, kind.inner); err != nil || prev != 0 {
				t.Fatalf("Bind(%s) = %#x, %v\n%s", said, prev, err, before)
			}
			after, ifID := showState(t)
			if diff := cmp.Diff(before, after); diff != "" || ifID != "0x65000007" {
				t.Errorf("if_id %s, and the state changed:\n%s", ifID, diff)
			}
			if wrong := (IPv4 | IPv6) &^ kind.inner; wrong != 0 {
				if _, err := h.Bind(said, testIfID, wrong); !errors.Is(err, ErrUnsupported) {
					t.Errorf("Bind(%s, %s): %v, want ErrUnsupported", said, wrong, err)
				}
			}
			if kind.packet != "" {
				send(t, kind.packet, 3)
				if n := packets(t, h, said); n != 3 {
					counters, err := Counters()
					t.Errorf("the state has taken %d packets, want 3; %v, %v", n, counters, err)
				}
			}
			checkSilent(t, h, func() {
				if prev, err := h.Bind(said, testIfID, kind.inner); err != nil || prev != 0 {
					t.Errorf("second Bind(%s) = %#x, %v", said, prev, err)
				}
			})
			checkStates(t, h, said, kind.inner)
			checkTun(t, h, said, kind.inner, strings.Contains(kind.add, "mode tunnel"))
		})
	}
}

// checkSilent fails if f changes a state or policy.
func checkSilent(t *testing.T, h *Handle, f func()) {
	t.Helper()
	monitor, err := nl.Subscribe(unix.NETLINK_XFRM, nl.XFRMNLGRP_POLICY, nl.XFRMNLGRP_SA)
	if err != nil {
		t.Fatal(err)
	}
	defer monitor.Close()
	f()
	ip(t, "xfrm policy add src 10.0.0.0/8 dst 10.0.0.0/8 dir in") // must be the first event
	events, _, err := monitor.Receive()
	if err != nil {
		t.Fatal(err)
	}
	if info := nl.DeserializeXfrmUserpolicyInfo(events[0].Data); events[0].Header.Type != nl.XFRM_MSG_NEWPOLICY || info.Dir != 0 {
		t.Errorf("a change was sent, message type %#x", events[0].Header.Type)
	}
	ip(t, "xfrm policy delete src 10.0.0.0/8 dst 10.0.0.0/8 dir in")
}

// checkStates fails unless States has the state, bound.
func checkStates(t *testing.T, h *Handle, said eroute.SAID, inner Families) {
	t.Helper()
	states, err := h.States()
	if err != nil {
		t.Fatal(err)
	}
	s, err := states.Find(said)
	if err != nil || len(states) != 1 || s.IfID != testIfID || s.Inner != inner {
		t.Errorf("%d states, Find(%s) = %+v, %v", len(states), said, s, err)
	}
	if b := mustBound(t, h)[testIfID]; !b.Pins(s, inner) {
		t.Errorf("binding of %s does not pin %+v", b.Families, s)
	}
}

// checkTun fails unless the tun SAID names the state exactly if it is a tunnel.
func checkTun(t *testing.T, h *Handle, said eroute.SAID, inner Families, tunnel bool) {
	t.Helper()
	said.Proto = eroute.ProtoTun
	_, err := h.Bind(said, testIfID, inner)
	if tunnel && err != nil || !tunnel && !errors.Is(err, ErrNoState) {
		t.Errorf("Bind(%s), mode tunnel %v: %v", said, tunnel, err)
	}
	want := Families(0)
	if tunnel {
		want = inner
	}
	if b := mustBound(t, h)[testIfID]; b.Families != want {
		t.Errorf("after Bind(%s) policies for %s, want %s", said, b.Families, want)
	}
}
