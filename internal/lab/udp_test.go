// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"bytes"
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/ipsec-eroute/eroute/internal/lab"
)

// A datagram with chosen ports reaches the other end and its answer returns.
func TestExchangeUDP(t *testing.T) {
	l := newLab(t)
	for _, f := range families(l) {
		t.Run(f.name, func(t *testing.T) {
			ctx := within(t, 10*time.Second)
			echo, err := l.WestHost.EchoUDP(ctx, netip.AddrPortFrom(f.westHost, 7))
			if err != nil {
				t.Fatal(err)
			}
			defer echo.Close()
			d := lab.Datagram{Src: netip.AddrPortFrom(f.eastHost, 1701), Dst: echo.Addr(), Payload: []byte("hello")}
			answer, err := l.EastHost.ExchangeUDP(ctx, d)
			if err != nil || !bytes.Equal(answer, d.Payload) {
				t.Errorf("answer %q, %v", answer, err)
			}
			got := echo.Received()
			if len(got) != 1 || got[0].From != d.Src || !bytes.Equal(got[0].Payload, d.Payload) {
				t.Errorf("received %+v, want one from %s", got, d.Src)
			}
		})
	}
}

// A large GSO packet is one frame on a veth, and separate datagrams for the receiver.
func TestSendUDPSegments(t *testing.T) {
	l := newLab(t)
	ctx := within(t, 10*time.Second)
	echo, err := l.WestHost.EchoUDP(ctx, netip.AddrPortFrom(l.WestHost.LAN4, 9000))
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	capture, err := l.East.Capture(lab.WAN)
	if err != nil {
		t.Fatal(err)
	}
	const datagrams, size = 30, 1000
	payload := bytes.Repeat([]byte("x"), datagrams*size)
	if err := l.EastHost.SendUDP(ctx, lab.Datagram{Dst: echo.Addr(), Payload: payload, Segment: size}); err != nil {
		t.Fatal(err)
	}
	answers := lab.Match{Src: lab.Only(l.WestHost.LAN4), Proto: layers.IPProtocolUDP}
	if err := capture.Wait(ctx, answers, datagrams); err != nil {
		t.Error(err)
	}
	frames, err := capture.Stop()
	if err != nil {
		t.Error(err)
	}
	if got := frames.Count(lab.Match{DstPort: 9000}); got != 1 {
		t.Errorf("%d frames, want 1", got)
	}
	if got := echo.Received(); len(got) != datagrams || len(got[0].Payload) != size {
		t.Errorf("%d datagrams, want %d", len(got), datagrams)
	}
}

// The errors of an exchange are those of the ICMP errors that end it, and a watch has these with the packets
// they quote.
func TestExchangeUDPErrors(t *testing.T) {
	l := newLab(t)
	ctx := within(t, 20*time.Second)
	for _, p := range []string{"192.0.9.0/24", "2001:db8:9::/64"} {
		if _, err := l.East.IP(ctx, "route", "add", "prohibit", p); err != nil {
			t.Fatal(err)
		}
	}
	watch, err := l.EastHost.WatchICMP(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		dst       string
		want      error
		typ, code uint8
	}{
		{"192.0.9.1:53", syscall.EHOSTUNREACH, 3, 13},
		{"[2001:db8:9::1]:53", syscall.EACCES, 1, 1},
		{"192.0.1.1:53", syscall.ECONNREFUSED, 3, 3},
		{"[2001:db8:1::1]:53", syscall.ECONNREFUSED, 1, 4},
	}
	for i, c := range cases {
		dst := netip.MustParseAddrPort(c.dst)
		_, err := l.EastHost.ExchangeUDP(ctx, lab.Datagram{Dst: dst, Payload: []byte("x")})
		if !errors.Is(err, c.want) {
			t.Errorf("exchange with %s: %v, want %v", dst, err, c.want)
		}
		got, err := watch.Wait(ctx, i+1)
		if err != nil {
			t.Fatal(err)
		}
		if h, ok := got[i].About(); !got[i].Is(c.typ, c.code) || !ok || h.Dst != dst.Addr() || h.DstPort != dst.Port() {
			t.Errorf("exchange with %s: ICMP %d/%d about %+v, want %d/%d", dst, got[i].Type, got[i].Code, h, c.typ, c.code)
		}
	}
	if got, err := watch.Stop(); err != nil || len(got) != len(cases) {
		t.Errorf("watch: %d errors, %v, want %d", len(got), err, len(cases))
	}
	echo, err := l.WestHost.EchoUDP(ctx, netip.AddrPortFrom(l.WestHost.LAN4, 7))
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	if _, err := l.East.IP(ctx, "route", "add", "blackhole", "192.0.1.1"); err != nil {
		t.Fatal(err)
	}
	_, err = l.EastHost.ExchangeUDP(within(t, 200*time.Millisecond), lab.Datagram{Dst: echo.Addr(), Payload: []byte("x")})
	if !errors.Is(err, lab.ErrNoAnswer) {
		t.Errorf("exchange without an answer: %v", err)
	}
}
