// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"errors"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// When the network namespace of a gateway is deleted under traffic, its XFRM device is deleted before the
// others: with blackhole routes, packets protected by an SA do not leave. The pins remain, without effect.
func TestNamespaceDeleted(t *testing.T) {
	for range 3 {
		b := newLab(t)
		for _, p := range []netip.Prefix{lab.WestLAN4, lab.WestLAN6} {
			ip(t, b.East, "route add blackhole "+p.String()+" metric 1024")
		}
		var pinned string
		b.write(t, func(table *maps.Table) error {
			pinned = table.Dir().Path()
			_, err := device.Attach(t.Context(), table, device.Config{Virtual: virtual, Physical: lab.WAN, Ingress: []string{lab.LAN}, Routed: true})
			return err
		})
		t.Cleanup(func() { _ = os.RemoveAll(pinned) })
		b.routeLANs(t)
		var streams []*lab.Stream
		for i, f := range []struct {
			tunnel   lab.Tunnel
			src, dst netip.Addr
		}{
			{lab.Tunnel{From: b.East, To: b.West}, b.EastHost.LAN4, b.WestHost.LAN4},
			{lab.Tunnel{From: b.East, To: b.West, Src: b.East.WAN6, Dst: b.West.WAN6}, b.EastHost.LAN6, b.WestHost.LAN6},
		} {
			sa, err := f.tunnel.Install() // its state is deleted with the namespace
			if err != nil {
				t.Fatal(err)
			}
			// West cannot decapsulate it: a packet it receives in clear was sent in clear.
			ip(t, b.West, "xfrm state delete "+identity(sa))
			b.apply(t, eroute.Change{Op: eroute.OpAdd, Selector: nets(lab.Only(f.src), lab.Only(f.dst)), SAID: parseSAID(t, sa.TunSAID())})
			s := &lab.Stream{From: b.EastHost, Src: netip.AddrPortFrom(f.src, 0), Dst: netip.AddrPortFrom(f.dst, 9), ID: uint32(i), Rate: 1000}
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			streams = append(streams, s)
		}
		c, err := b.West.Capture(lab.WAN)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(within(t, 20*time.Second), lab.Match{Proto: layers.IPProtocolESP}, 200); err != nil {
			t.Error(err)
		}
		if err := b.East.Delete(); err != nil {
			t.Fatal(err)
		}
		// The other end of its link is deleted with it.
		gone := func() bool {
			_, err := b.EastHost.IP(t.Context(), "link", "show", "dev", lab.Eth0)
			return err != nil
		}
		for ctx := within(t, time.Minute); !gone(); time.Sleep(10 * time.Millisecond) {
			if ctx.Err() != nil {
				t.Fatal("the namespace is there after a minute")
			}
		}
		var sent uint64
		for _, s := range streams {
			n, err := s.Stop()
			if err != nil {
				t.Error(err)
			}
			sent += n
		}
		frames, err := c.Stop()
		if err != nil && !errors.Is(err, syscall.ENETDOWN) {
			t.Error(err)
		}
		protected, inClear := 0, 0
		for _, f := range frames {
			if h, ok := f.Header(); ok && h.SPI != 0 {
				protected++
			}
			if _, _, numbered := f.Numbered(); numbered {
				inClear++
			}
		}
		if inClear != 0 || protected < 100 {
			t.Errorf("%d packets sent, %d protected, %d in clear", sent, protected, inClear)
		}
		t.Logf("%d packets sent, %d protected, none in clear", sent, protected)
	}
}
