// SPDX-License-Identifier: Apache-2.0

//go:build vm

package esp

import (
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/test/lab"
)

// charons runs strongSwan on both gateways until the test ends.
func (b bench) charons(t *testing.T, reqid uint32) (east, west *lab.Charon) {
	t.Helper()
	east = &lab.Charon{Node: b.East, Peer: b.West, Local: lab.EastLAN4, Far: lab.WestLAN4, ReqID: reqid, Trap: true}
	west = &lab.Charon{Node: b.West, Peer: b.East, Local: lab.WestLAN4, Far: lab.EastLAN4}
	for _, c := range []*lab.Charon{west, east} {
		if err := c.Start(within(t, 60*time.Second)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := c.Stop(); err != nil {
				t.Error(err)
			}
			if t.Failed() {
				t.Logf("charon on %s:\n%s", c.Node.Name, c.Log())
			}
		})
	}
	return east, west
}

// The first ping into a trap makes charon negotiate, waits, and is answered; what
// follows is ESP, through a rekey as well. With the SAs gone the trap works again.
func TestCharon(t *testing.T) {
	const reqid, count = 7, 1000
	b := newBench(t, lab.LAN)
	trap := nets(lab.EastLAN4, lab.WestLAN4)
	b.trap(t, trap, eroute.Trap, reqid)
	b.startRelay(t)
	east, _ := b.charons(t, reqid)
	stop := b.wire(t)
	flow := nets(lab.Only(b.EastHost.LAN4), lab.Only(b.WestHost.LAN4))

	r, err := b.EastHost.Ping(within(t, 60*time.Second), lab.Ping{Dst: b.WestHost.LAN4, Count: 1, Wait: 40 * time.Second})
	if err != nil || r.Received != 1 {
		t.Fatalf("first ping: %+v, %v", r, err)
	}
	first := b.said(t, flow)
	if first.Proto != eroute.ProtoTun || first.Dst != b.West.WAN4 {
		t.Errorf("the flow goes to %s", first)
	}

	type outcome struct {
		lab.PingResult
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		r, err := b.EastHost.Ping(within(t, 90*time.Second), lab.Ping{
			Dst: b.WestHost.LAN4, Count: count, Interval: 10 * time.Millisecond, Wait: 10 * time.Second,
		})
		done <- outcome{r, err}
	}()
	time.Sleep(2 * time.Second)
	if err := east.Rekey(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
	if r := <-done; r.err != nil || r.Received != count {
		t.Errorf("pings during the rekey: %d of %d answered (%v)", r.Received, count, r.err)
	}
	if second := b.said(t, flow); second == first || second.Proto != eroute.ProtoTun {
		t.Errorf("after the rekey the flow goes to %s, before to %s", second, first)
	}

	if err := east.Terminate(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
	b.waitSAID(t, flow, "")
	if r, err := b.EastHost.Ping(within(t, 60*time.Second), lab.Ping{Dst: b.WestHost.LAN4, Count: 1, Wait: 40 * time.Second}); err != nil || r.Received != 1 {
		t.Errorf("ping after the SAs had gone: %+v, %v", r, err)
	}
	frames := stop()
	if n := frames.Count(lab.Match{Src: lab.EastLAN4, Dst: lab.WestLAN4}) + frames.Count(lab.Match{Src: lab.WestLAN4, Dst: lab.EastLAN4}); n != 0 {
		t.Errorf("%d packets in clear", n)
	}
	if n := frames.Count(lab.Match{Proto: layers.IPProtocolUDP}); n == 0 {
		t.Error("no IKE on the wire")
	}
	t.Logf("counted %v", b.reasons(t))
}

// said returns the SAID of the eroute with this selector.
func (b bench) said(t *testing.T, s eroute.Selector) (said eroute.SAID) {
	t.Helper()
	b.read(t, func(table *maps.Table) error {
		for e, err := range table.All() {
			if err != nil {
				return err
			}
			if e.Selector == s {
				said = e.SAID
			}
		}
		return nil
	})
	return said
}
