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

// An eroute may be added before its SA: its packets are dropped until the state exists and a command has
// found it.
func TestStateAddedAfterEroute(t *testing.T) {
	b := newBench(t)
	const spi = 0x4712
	s := nets(lab.EastLAN4, lab.WestLAN4)
	b.add(t, s, "tun0x4712@"+b.West.WAN4.String())
	stop, before := b.wire(t), b.reasons(t)
	r, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: b.WestHost.LAN4, Count: 3, Wait: 200 * time.Millisecond})
	if err != nil || r.Received != 0 {
		t.Errorf("ping without the SA: %+v, %v", r, err)
	}
	checkReasons(t, before, b.reasons(t), map[string]uint64{"sa-missing": 3})
	if frames := stop(); frames.Count(lab.Match{}) != 0 {
		t.Errorf("%d packets on the wire, want none", frames.Count(lab.Match{}))
	}
	if stats := b.stats(t); stats.SAs != 1 || stats.SAsMissing != 1 {
		t.Errorf("%d SAs, %d missing, want 1 and 1", stats.SAs, stats.SAsMissing)
	}

	b.connect(t, lab.Tunnel{SPI: spi}, s.Src, s.Dst)
	b.sync(t)
	stop, before = b.wire(t), b.reasons(t)
	r, err = b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: b.WestHost.LAN4, Count: 3})
	if err != nil || r.Received != 3 {
		t.Errorf("ping with the SA: %+v, %v", r, err)
	}
	checkReasons(t, before, b.reasons(t), map[string]uint64{"sa": 3})
	checkOnly(t, stop(), layers.IPProtocolESP)
	if stats := b.stats(t); stats.SAsMissing != 0 {
		t.Errorf("%d SAs missing, want none", stats.SAsMissing)
	}
}

// A command queries the SAs that it names, with any number of eroutes, and no others.
func TestStateLookupByEroute(t *testing.T) {
	b := newBench(t)
	s := nets(lab.EastLAN4, lab.WestLAN4)
	said := "tun0x4714@" + b.West.WAN4.String()
	b.add(t, s, said)
	b.connect(t, lab.Tunnel{SPI: 0x4714}, s.Src, s.Dst)
	for _, step := range []struct {
		dst, said string
		missing   int
	}{
		{"198.51.100.1", "%drop", 1},
		{"198.51.100.2", "tun0x4715@" + b.West.WAN4.String(), 2},
		{"198.51.100.3", said, 1},
	} {
		b.add(t, nets(lab.EastLAN4, lab.Only(netip.MustParseAddr(step.dst))), step.said)
		if stats := b.stats(t); stats.SAsMissing != step.missing {
			t.Errorf("after an eroute to %s: %d SAs missing, want %d", step.said, stats.SAsMissing, step.missing)
		}
	}
	r, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: b.WestHost.LAN4, Count: 3})
	if err != nil || r.Received != 3 {
		t.Errorf("ping with the SA: %+v, %v", r, err)
	}
}
