// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// A --replace to a new SPI under traffic loses no packet and sends none in clear.
func TestRekeyLosesNothing(t *testing.T) {
	const count, rekeys = 2000, 5
	b := newBench(t, lab.LAN)
	first := b.connect(t, lab.Tunnel{}, lab.EastLAN4, lab.WestLAN4)
	s := nets(lab.EastLAN4, lab.WestLAN4)
	b.add(t, s, first.TunSAID())
	var next []*lab.SA
	for range rekeys {
		next = append(next, install(t, lab.Tunnel{From: b.East, To: b.West}))
	}

	stop := b.wire(t)
	wait := startPings(within(t, 90*time.Second), t, b.EastHost, lab.Ping{
		Dst: b.WestHost.LAN4, Count: count, Interval: 2 * time.Millisecond, Wait: 10 * time.Second,
	})
	for _, sa := range next {
		time.Sleep(200 * time.Millisecond)
		b.replace(t, s, sa.TunSAID())
	}
	if r := wait(); r.Received != count {
		t.Errorf("ping: %d of %d answered", r.Received, count)
	}
	frames := stop()
	checkOnly(t, frames, layers.IPProtocolESP)
	sent := frames.Count(lab.Match{SPI: first.SPI})
	for _, sa := range next {
		n := frames.Count(lab.Match{SPI: sa.SPI})
		if n == 0 {
			t.Errorf("no packet went through SPI %#x", sa.SPI)
		}
		sent += n
	}
	if sent != count {
		t.Errorf("%d packets encrypted, want %d", sent, count)
	}
}
