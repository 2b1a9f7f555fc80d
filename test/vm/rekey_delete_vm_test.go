// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// A rekey by --replace loses no packet of a stream, although the old SA is deleted as soon as --replace has
// returned, and at the peer a round trip later.
//
//vm:alone
func TestRekeyDeletesOld(t *testing.T) {
	const rate, rekeys = 1000, 6
	b := newBench(t, lab.LAN)
	for _, f := range []struct {
		name     string
		tunnel   lab.Tunnel
		east, to netip.Addr
	}{
		{"v4", lab.Tunnel{From: b.East, To: b.West}, b.EastHost.LAN4, b.WestHost.LAN4},
		{"v6", lab.Tunnel{From: b.East, To: b.West, Src: b.East.WAN6, Dst: b.West.WAN6}, b.EastHost.LAN6, b.WestHost.LAN6},
	} {
		t.Run(f.name, func(t *testing.T) {
			s := nets(lab.Only(f.east), lab.Only(f.to))
			sa := installUntilDeleted(t, f.tunnel)
			b.add(t, s, sa.TunSAID())
			to := netip.AddrPortFrom(f.to, 4700)
			count, err := b.WestHost.CountStreams(to)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = count.Close() }()
			stop := b.wire(t)
			stream := &lab.Stream{From: b.EastHost, Dst: to, ID: 1, Rate: rate}
			begin := time.Now()
			if err := stream.Start(); err != nil {
				t.Fatal(err)
			}
			for range rekeys {
				time.Sleep(300 * time.Millisecond)
				next := installUntilDeleted(t, f.tunnel)
				b.replace(t, s, next.TunSAID())
				ip(t, b.East, "xfrm state delete "+identity(sa))
				time.Sleep(50 * time.Millisecond)
				ip(t, b.West, "xfrm state delete "+identity(sa))
				sa = next
			}
			sent, err := stream.Stop()
			took := time.Since(begin)
			if err != nil {
				t.Error(err)
			}
			if err := count.Wait(within(t, 20*time.Second), 1, sent); err != nil {
				t.Error(err)
			}
			if once, again := count.Arrived(1); once != sent || again != 0 || sent == 0 {
				t.Errorf("%d of %d packets arrived, %d twice", once, sent, again)
			}
			checkOnly(t, stop(), layers.IPProtocolESP)
			if e := b.eroute(t, s); e.Packets == 0 || e.Packets > sent {
				t.Errorf("the last SA's eroute has counted %d packets of %d", e.Packets, sent)
			}
			t.Logf("%d packets in %v, %.0f a second, %d rekeys, none lost", sent, took, float64(sent)/took.Seconds(), rekeys)
			ip(t, b.East, "xfrm state delete "+identity(sa))
			ip(t, b.West, "xfrm state delete "+identity(sa))
		})
	}
}

// installUntilDeleted installs an SA whose states the test deletes itself.
func installUntilDeleted(t *testing.T, tunnel lab.Tunnel) *lab.SA {
	t.Helper()
	sa, err := tunnel.Install()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Removes the policies that admit inbound packets; the states are already deleted.
		if err := sa.Remove(); err == nil {
			t.Errorf("%s was still there", fmt.Sprint(sa.SAID()))
		}
	})
	return sa
}
