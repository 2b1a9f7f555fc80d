// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"fmt"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// When a state ends, its packets are dropped as "sa-missing" at once, without any command; and XFRM keeps
// nothing that prevents a new state with the same SPI.
func TestStateEnds(t *testing.T) {
	b := newBench(t)
	sa, err := lab.Tunnel{From: b.East, To: b.West}.Install() // its state ends below
	if err != nil {
		t.Fatal(err)
	}
	b.answer(t, install(t, sa.Reverse()), lab.EastLAN4, lab.WestLAN4)
	b.add(t, nets(lab.EastLAN4, lab.WestLAN4), sa.TunSAID())
	ping := func(want int) {
		t.Helper()
		r, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: b.WestHost.LAN4, Count: 5})
		if err != nil || r.Received != want {
			t.Errorf("ping: %d of 5 answered, want %d (%v)", r.Received, want, err)
		}
	}
	stop := b.wire(t)
	ping(5)

	ip(t, b.East, "xfrm state delete "+identity(sa))
	before := b.reasons(t)["sa-missing"]
	ping(0)
	if n := b.reasons(t)["sa-missing"] - before; n != 5 {
		t.Errorf("%d packets counted as sa-missing, want 5", n)
	}
	states, err := b.East.IP(t.Context(), "xfrm", "state", "list", "spi", fmt.Sprintf("%#x", sa.SPI))
	if err != nil || states != "" {
		t.Errorf("XFRM made a state with its SPI: %s (%v)", states, err)
	}
	checkOnly(t, stop(), layers.IPProtocolESP)
}
