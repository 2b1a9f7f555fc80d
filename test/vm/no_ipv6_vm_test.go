// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"strings"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// A kernel booted with ipv6.disable=1 does not load xfrm_interface. attach and doctor name what is missing,
// magic SAIDs decide IPv4 packets, and packets of SAs are dropped.
func TestNoIPv6(t *testing.T) {
	for _, c := range []struct {
		name    string
		ingress []string
	}{{"routed", nil}, {"fast path", []string{lab.LAN}}} {
		t.Run(c.name, func(t *testing.T) {
			b := newLab(t)
			b.attachPlain(t, c.ingress...)
			if err := b.East.Route(lab.WestLAN4, virtual); err != nil {
				t.Fatal(err)
			}
			b.doctorHas(t, "kernel", "XFRM interfaces: they require IPv6, which this kernel was booted without")

			s := nets(lab.EastLAN4, lab.WestLAN4)
			sa := install(t, lab.Tunnel{From: b.East, To: b.West})
			for _, from := range []*lab.Node{b.EastHost, b.East} {
				for _, v := range append(verdicts, verdict{sa.SAID(), "no-xfrm"}, verdict{sa.TunSAID(), "no-xfrm"}) {
					t.Run(from.Name+" "+v.reason, func(t *testing.T) {
						if v.said != "" {
							b.add(t, s, v.said)
						}
						before := b.reasons(t)
						b.checkVerdict(t, from, from.LAN4, b.WestHost.LAN4, v.reason)
						checkReasons(t, before, b.reasons(t), map[string]uint64{v.reason: 2})
					})
				}
			}
			t.Run("trap", func(t *testing.T) { b.checkTrapToPass(t) })
		})
	}
}

// attachPlain attaches a device without XFRM until the test ends, and checks the note about it.
func (b bench) attachPlain(t *testing.T, ingress ...string) {
	t.Helper()
	b.write(t, func(table *maps.Table) error {
		notes, err := device.Attach(t.Context(), table, device.Config{Virtual: virtual, Physical: lab.WAN, Ingress: ingress, Routed: true})
		if len(notes) != 1 || !strings.Contains(notes[0], "no XFRM interfaces") || !strings.Contains(notes[0], "no-xfrm") {
			t.Errorf("attach %s: %q", virtual, notes)
		}
		return err
	})
	b.detachAtEnd(t)
}

// checkTrapToPass checks that a ping is held until its eroute is replaced by %pass.
func (b bench) checkTrapToPass(t *testing.T) {
	b.listen(t)
	b.startRelay(t, 20*time.Second)
	trap, flow := nets(lab.EastLAN4, lab.WestLAN4), nets(lab.Only(b.EastHost.LAN4), lab.Only(b.WestHost.LAN4))
	b.add(t, trap, "%trap")
	stop := b.wire(t)
	wait := startPings(within(t, time.Minute), t, b.EastHost, lab.Ping{Dst: b.WestHost.LAN4, Wait: 20 * time.Second})
	b.waitSAID(t, flow, "%hold")
	if frames := stop(); len(frames.Select(lab.Match{Src: flow.Src})) != 0 {
		t.Errorf("%d packets left before the hold ended", len(frames))
	}
	b.replace(t, flow, "%pass")
	t.Cleanup(func() { b.del(t, flow) })
	if r := wait(); r.Received != 1 {
		t.Errorf("held ping: %+v", r)
	}
}
