// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"context"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// A state is deleted and added again with the same SPI under traffic, repeatedly: the SPI is free at once,
// and nothing is ever sent in clear.
func TestStateDeletedAndAdded(t *testing.T) {
	b := newBench(t, lab.LAN)
	const spi = 0x4713
	s := nets(lab.EastLAN4, lab.WestLAN4)
	b.add(t, s, "tun0x4713@"+b.West.WAN4.String())
	b.answer(t, install(t, lab.Tunnel{From: b.West, To: b.East}), s.Src, s.Dst)
	stop := b.wire(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := b.EastHost.Ping(ctx, lab.Ping{Dst: b.WestHost.LAN4, Count: 60000, Interval: time.Millisecond})
		done <- err
	}()
	for range 5 {
		sa, err := lab.Tunnel{From: b.East, To: b.West, SPI: spi}.Install()
		if err != nil {
			t.Error(err)
			break
		}
		b.sync(t)
		time.Sleep(300 * time.Millisecond)
		if err := sa.Remove(); err != nil {
			t.Error(err)
		}
		time.Sleep(300 * time.Millisecond)
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("the traffic ended too early")
	}
	frames := stop()
	checkOnly(t, frames, layers.IPProtocolESP)
	if n := frames.Count(lab.Match{SPI: spi}); n < 20 {
		t.Errorf("%d packets encrypted, want at least 20", n)
	}
	if n := b.reasons(t)["sa-missing"]; n < 20 {
		t.Errorf("%d packets counted as sa-missing, want at least 20", n)
	}
}
