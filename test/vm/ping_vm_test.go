// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// The minimal case: a routed ping of each family uses the SA of its eroute.
func TestPing(t *testing.T) {
	b := newBench(t)
	for _, f := range []struct {
		tunnel      lab.Tunnel
		east, west  netip.Prefix
		dst         netip.Addr
		bytesOfPing uint64
	}{
		{lab.Tunnel{}, lab.EastLAN4, lab.WestLAN4, b.WestHost.LAN4, 84},
		{lab.Tunnel{Src: b.East.WAN6, Dst: b.West.WAN6}, lab.EastLAN6, lab.WestLAN6, b.WestHost.LAN6, 104},
	} {
		sa := b.connect(t, f.tunnel, f.east, f.west)
		s := nets(f.east, f.west)
		b.add(t, s, sa.TunSAID())
		stop := b.wire(t)
		r, err := b.EastHost.Ping(within(t, 10*time.Second), lab.Ping{Dst: f.dst, Count: 5})
		if err != nil || r.Received != 5 {
			t.Errorf("ping %s: %+v, %v", f.dst, r, err)
		}
		frames := stop()
		checkOnly(t, frames, layers.IPProtocolESP)
		if n := frames.Count(lab.Match{SPI: sa.SPI}); n != 5 {
			t.Errorf("%d frames with SPI %#x, want 5", n, sa.SPI)
		}
		if e := b.eroute(t, s); e.Packets != 5 || e.Bytes != 5*f.bytesOfPing {
			t.Errorf("%s has counted %d bytes, want 5 packets of %d bytes", e, e.Bytes, f.bytesOfPing)
		}
	}
}
