// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// outErrors are East's XFRM counters.
func (b bench) outErrors(t *testing.T) (counters map[string]uint64) {
	t.Helper()
	err := b.East.Do(func() (err error) {
		counters, err = xfrm.Counters()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return counters
}

// Packets that an existing SA no longer carries are counted: the packet that XFRM refuses by XFRM's counter,
// later ones under their own reason.
func TestSpentSA(t *testing.T) {
	b := newBench(t)
	s := nets(lab.EastLAN4, lab.WestLAN4)
	b.connect(t, lab.Tunnel{}, s.Src, s.Dst) // the return path, and West's policies
	const (
		state = "src 192.1.2.23 dst 192.1.2.45 proto esp spi 0x7001"
		rest  = " reqid 9 mode tunnel aead rfc4106(gcm(aes)) 0x000102030405060708090a0b0c0d0e0f10111213 128"
	)
	for _, c := range []struct {
		name, state string
		answered    int
		reasons     map[string]uint64
		counter     string
		doctor      string
	}{
		{"sequence numbers", " replay-oseq 0xfffffffd", 2, map[string]uint64{"sa": 3, "sa-exhausted": 3}, "XfrmOutStateSeqError", "its sequence numbers are used up"},
		{"packets", " limit packet-hard 2", 2, map[string]uint64{"sa": 3, "sa-missing": 3}, "XfrmOutStateExpired", "does not exist"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ip(t, b.West, "xfrm state add "+state+rest)
			t.Cleanup(func() { ip(t, b.West, "xfrm state delete "+state) })
			ip(t, b.East, "xfrm state add "+state+rest+c.state)
			t.Cleanup(func() { _, _ = b.East.IP(context.Background(), strings.Fields("xfrm state delete "+state)...) }) // it may have ended
			b.add(t, s, "tun0x7001@192.1.2.45")
			stop, before, errors := b.wire(t), b.reasons(t), b.outErrors(t)[c.counter]
			r, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: b.WestHost.LAN4, Count: 6, Interval: 100 * time.Millisecond, Wait: time.Second})
			if err != nil || r.Received != c.answered {
				t.Errorf("%d of 6 answered, want %d (%v)", r.Received, c.answered, err)
			}
			checkOnly(t, stop(), layers.IPProtocolESP)
			checkReasons(t, before, b.reasons(t), c.reasons)
			if n := b.outErrors(t)[c.counter] - errors; n != 1 {
				t.Errorf("%s counts %d, want 1", c.counter, n)
			}
			before = b.reasons(t)
			b.sync(t) // must not give packets to XFRM again
			if _, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: b.WestHost.LAN4, Count: 1, Wait: 200 * time.Millisecond}); err != nil {
				t.Error(err)
			}
			if n := b.reasons(t)["sa"] - before["sa"]; n != 0 {
				t.Errorf("after a sync %d packets are given to XFRM, want none", n)
			}
			b.doctorHas(t, "sa", c.doctor)
		})
	}
}
