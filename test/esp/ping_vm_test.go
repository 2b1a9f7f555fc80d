// SPDX-License-Identifier: Apache-2.0

//go:build vm

package esp

import (
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/test/lab"
)

// The thinnest way through: a routed ping goes through the SA of its eroute.
func TestPing(t *testing.T) {
	b := newBench(t)
	sa := b.connect(t, lab.Tunnel{}, lab.EastLAN4, lab.WestLAN4)
	s := nets(lab.EastLAN4, lab.WestLAN4)
	b.add(t, s, sa.TunSAID())
	stop := b.wire(t)
	r, err := b.EastHost.Ping(within(t, 10*time.Second), lab.Ping{Dst: b.WestHost.LAN4, Count: 5})
	if err != nil || r.Received != 5 {
		t.Errorf("ping: %+v, %v", r, err)
	}
	frames := stop()
	checkOnly(t, frames, layers.IPProtocolESP)
	if n := frames.Count(lab.Match{SPI: sa.SPI}); n != 5 {
		t.Errorf("%d frames with SPI %#x, want 5", n, sa.SPI)
	}
	if e := b.eroute(t, s); e.Packets != 5 || e.Bytes != 5*84 {
		t.Errorf("%s has counted %d bytes, want 5 packets of 84 bytes", e, e.Bytes)
	}
}
