// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/ipsec-eroute/eroute/internal/lab"
)

// Content arrives complete, in segments larger than the MTU.
func TestTransfer(t *testing.T) {
	l := newLab(t)
	for _, f := range families(l) {
		t.Run(f.name, func(t *testing.T) {
			stop := startCapture(t, l.East, lab.LAN)
			took, err := lab.Transfer{From: l.EastHost, To: l.WestHost,
				Src: netip.AddrPortFrom(f.eastHost, 2000), Dst: netip.AddrPortFrom(f.westHost, 80),
				Bytes: 4 << 20}.Run(within(t, 60*time.Second))
			if err != nil || took <= 0 {
				t.Fatalf("transfer: %v, %v", took, err)
			}
			large := 0
			for _, frame := range stop().Select(lab.Match{Proto: layers.IPProtocolTCP, SrcPort: 2000, DstPort: 80, Incoming: true}) {
				if len(frame.Data) > 1514 {
					large++
				}
			}
			if large == 0 {
				t.Error("no frame is larger than the MTU")
			}
		})
	}
}

// The error of a connection attempt names the cause.
func TestConnectTCP(t *testing.T) {
	l := newLab(t)
	ctx := within(t, 20*time.Second)
	for _, args := range [][]string{
		{"route", "add", "prohibit", "192.0.9.0/24"}, {"route", "add", "prohibit", "2001:db8:9::/64"},
		{"route", "add", "blackhole", "192.0.8.0/24"},
	} {
		if _, err := l.East.IP(ctx, args...); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := l.WestHost.ListenTCP(ctx, netip.AddrPortFrom(l.WestHost.LAN4, 80))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, c := range []struct {
		dst  string
		want error
	}{
		{"192.0.1.1:80", nil},
		{"192.0.1.1:81", syscall.ECONNREFUSED},
		{"[2001:db8:1::1]:81", syscall.ECONNREFUSED},
		{"192.0.9.1:80", syscall.EHOSTUNREACH},
		{"[2001:db8:9::1]:80", syscall.EACCES},
		{"192.0.8.1:80", lab.ErrNoAnswer},
	} {
		ctx := within(t, 5*time.Second)
		if errors.Is(c.want, lab.ErrNoAnswer) {
			ctx = within(t, 300*time.Millisecond)
		}
		if err := l.EastHost.ConnectTCP(ctx, netip.AddrPort{}, netip.MustParseAddrPort(c.dst)); !errors.Is(err, c.want) {
			t.Errorf("connect to %s: %v, want %v", c.dst, err, c.want)
		}
	}
}
