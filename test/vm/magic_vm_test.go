// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// verdict is the outcome of the packets of an eroute.
type verdict struct {
	said   string // "": no eroute
	reason string
}

// verdicts are the outcomes without an SA.
var verdicts = []verdict{{"%pass", "pass"}, {"%drop", "drop"}, {"%reject", "reject"}, {"%hold", "hold-not-stored"}, {"%trap", "trap-no-relay"}, {"", "no-eroute"}}

// Magic SAIDs have the same effect on an XFRM interface as elsewhere, with and without the fast path, for
// routed and local packets.
func TestMagic(t *testing.T) {
	for _, c := range []struct {
		name    string
		ingress []string
	}{{"routed", nil}, {"fast path", []string{lab.LAN}}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.ingress...)
			for _, from := range []struct {
				name     string
				node     *lab.Node
				src, dst netip.Addr
				nets     eroute.Selector
			}{
				{"v4", b.EastHost, b.EastHost.LAN4, b.WestHost.LAN4, nets(lab.EastLAN4, lab.WestLAN4)},
				{"v6", b.EastHost, b.EastHost.LAN6, b.WestHost.LAN6, nets(lab.EastLAN6, lab.WestLAN6)},
				{"local v4", b.East, b.East.LAN4, b.WestHost.LAN4, nets(lab.EastLAN4, lab.WestLAN4)},
				{"local v6", b.East, b.East.LAN6, b.WestHost.LAN6, nets(lab.EastLAN6, lab.WestLAN6)},
			} {
				for _, v := range verdicts {
					t.Run(from.name+" "+v.reason, func(t *testing.T) {
						if v.said != "" {
							b.add(t, from.nets, v.said)
						}
						before := b.reasons(t)
						b.checkVerdict(t, from.node, from.src, from.dst, v.reason)
						checkReasons(t, before, b.reasons(t), map[string]uint64{v.reason: 2})
						if v.said != "" && b.eroute(t, from.nets).Packets != 2 {
							t.Errorf("the eroute counted %d packets, want 2", b.eroute(t, from.nets).Packets)
						}
					})
				}
			}
		})
	}
}

// checkVerdict sends two pings that must have this reason.
func (b bench) checkVerdict(t *testing.T, from *lab.Node, src, dst netip.Addr, reason string) {
	t.Helper()
	stop := b.wire(t)
	ping := lab.Ping{Src: src, Dst: dst, Count: 2, Wait: 100 * time.Millisecond}
	if reason == "pass" || reason == "reject" {
		ping.Wait = 5 * time.Second
	}
	r, err := from.Ping(within(t, 20*time.Second), ping)
	if err != nil {
		t.Fatal(err)
	}
	frames := stop()
	inClear := frames.Count(lab.Match{Src: lab.Only(src), Dst: lab.Only(dst)})
	want := 0
	if reason == "pass" {
		want = 2
	}
	if r.Received != want || inClear != want {
		t.Errorf("%d of %d answered, %d in clear, want %d", r.Received, r.Sent, inClear, want)
	}
	if frames.Count(lab.Match{Proto: layers.IPProtocolESP}) != 0 {
		t.Error("something was encrypted")
	}
	if reason != "reject" {
		if len(r.Errors) != 0 {
			t.Errorf("errors %+v, want none", r.Errors)
		}
		return
	}
	typ, code := uint8(3), uint8(13)
	if dst.Is6() {
		typ, code = 1, 1
	}
	if len(r.Errors) == 0 || !r.Errors[0].Is(typ, code) {
		t.Errorf("errors %+v, want %d/%d", r.Errors, typ, code)
	}
}
