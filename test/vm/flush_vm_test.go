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

// A key manager that flushes all policies, like libreswan's unit when it stops, also deletes those of eroutes
// and devices. Packets are dropped until a command or the relay restores them; none leaves in clear.
func TestPoliciesFlushed(t *testing.T) {
	b := newBench(t)
	s := nets(lab.EastLAN4, lab.WestLAN4)
	sa := b.connect(t, lab.Tunnel{}, s.Src, s.Dst)
	b.add(t, s, sa.TunSAID())
	ping := func(want int) {
		t.Helper()
		r, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: b.WestHost.LAN4, Count: 3, Wait: 500 * time.Millisecond})
		if err != nil || r.Received != want {
			t.Errorf("%d of 3 answered, want %d (%v)", r.Received, want, err)
		}
	}
	ours := func() string { return ip(t, b.East, "xfrm policy list dir out") }
	flush := func() {
		t.Helper()
		ip(t, b.East, "xfrm policy flush")
		for _, any := range []string{"0.0.0.0", "::"} { // the lab's policies, which admit packets from West
			for _, dir := range []string{"in", "fwd"} {
				ip(t, b.East, fmt.Sprintf("xfrm policy add src %[1]s/0 dst %[1]s/0 dir %[2]s tmpl src %[1]s dst %[1]s proto esp mode tunnel level use", any, dir))
			}
		}
	}
	before := ours()
	stop := b.wire(t)
	ping(3)

	flush()
	reasons := b.reasons(t)
	ping(0)
	checkReasons(t, reasons, b.reasons(t), map[string]uint64{"sa": 3})
	b.doctorHas(t, "policy", "its XFRM policies for IPv4 have been deleted")
	b.doctorHas(t, "policy", "that let packets reach it")
	b.sync(t)
	ping(3)
	if got := ours(); got != before {
		t.Errorf("policies after --sync:\n%s\nbefore:\n%s", got, before)
	}
	for _, f := range b.examine(t) {
		if f.Check == "policy" && f.Level != "ok" {
			t.Errorf("after --sync: %+v", f)
		}
	}

	b.listen(t)
	b.startRelay(t, 5*time.Second)
	flush()
	for ctx := within(t, 10*time.Second); ours() != before; time.Sleep(5 * time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatalf("policies after 10 s of a relay:\n%s\nbefore:\n%s", ours(), before)
		}
	}
	ping(3)
	checkOnly(t, stop(), layers.IPProtocolESP)
}
