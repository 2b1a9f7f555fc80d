// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/ipsec-eroute/eroute/internal/lab"
)

// udpPacket is a complete IP packet with a UDP datagram.
func udpPacket(t *testing.T, src, dst netip.AddrPort, payload string) []byte {
	t.Helper()
	var ip gopacket.SerializableLayer = &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP,
		SrcIP: src.Addr().AsSlice(), DstIP: dst.Addr().AsSlice()}
	if src.Addr().Is6() {
		ip = &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP,
			SrcIP: src.Addr().AsSlice(), DstIP: dst.Addr().AsSlice()}
	}
	b, err := lab.Build(ip, &layers.UDP{SrcPort: layers.UDPPort(src.Port()), DstPort: layers.UDPPort(dst.Port())},
		gopacket.Payload(payload))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A raw packet from a foreign source address is forwarded, and the receiver accepts its lengths and
// checksums.
func TestSendIP(t *testing.T) {
	l := newLab(t)
	for _, f := range families(l) {
		t.Run(f.name, func(t *testing.T) {
			ctx := within(t, 10*time.Second)
			echo, err := l.WestHost.EchoUDP(ctx, netip.AddrPortFrom(f.westHost, 7))
			if err != nil {
				t.Fatal(err)
			}
			defer echo.Close()
			capture, err := l.West.Capture(lab.LAN)
			if err != nil {
				t.Fatal(err)
			}
			foreign := netip.AddrPortFrom(f.eastHost.Next(), 4444)
			if err := l.EastHost.SendIP(lab.Eth0, udpPacket(t, foreign, echo.Addr(), "raw")); err != nil {
				t.Fatal(err)
			}
			err = capture.Wait(ctx, lab.Match{Dst: lab.Only(foreign.Addr()), SrcPort: 7, DstPort: 4444, Incoming: true}, 1)
			if err != nil {
				t.Error(err)
			}
			if got := echo.Received(); len(got) != 1 || got[0].From != foreign {
				t.Errorf("received %+v, want one from %s", got, foreign)
			}
			if _, err := capture.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Any bytes can be sent, and a capture contains them unchanged, including the VLAN tag.
func TestSendFrame(t *testing.T) {
	l := newLab(t)
	capture, err := l.East.Capture(lab.LAN)
	if err != nil {
		t.Fatal(err)
	}
	src, dst := netip.AddrPortFrom(l.EastHost.LAN4, 1), netip.AddrPortFrom(l.WestHost.LAN4, 2)
	tagged, err := l.EastHost.Frame(lab.Eth0, 42, udpPacket(t, src, dst, "tagged"))
	if err != nil {
		t.Fatal(err)
	}
	odd, err := l.EastHost.Frame(lab.Eth0, 0, []byte{0x4f, 1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, frame := range [][]byte{tagged, odd} {
		if err := l.EastHost.SendFrame(lab.Eth0, frame); err != nil {
			t.Fatal(err)
		}
	}
	if err := capture.Wait(within(t, 5*time.Second), lab.Match{VLAN: 42, SrcPort: 1, DstPort: 2, Incoming: true}, 1); err != nil {
		t.Error(err)
	}
	frames, err := capture.Stop()
	if err != nil {
		t.Error(err)
	}
	for name, want := range map[string][]byte{"tagged": tagged, "odd": odd} {
		found := false
		for _, f := range frames {
			found = found || bytes.Equal(f.Data, want)
		}
		if !found {
			t.Errorf("%s frame %x is not in the capture", name, want)
		}
	}
	if _, err := l.EastHost.Frame("lo", 0, nil); !errors.Is(err, lab.ErrNoPeer) {
		t.Errorf("frame for lo: %v", err)
	}
	if err := l.EastHost.SendFrame(lab.Eth0, []byte{1}); !errors.Is(err, lab.ErrShort) {
		t.Errorf("one byte: %v", err)
	}
}
