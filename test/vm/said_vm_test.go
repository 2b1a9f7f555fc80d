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

// row is a kind of SA and its traffic.
type row struct {
	name     string
	tunnel   lab.Tunnel
	tun      bool // the eroute's SAID is tun, not the SA's own protocol
	proto    layers.IPProtocol
	from     *lab.Node
	src, dst netip.Addr
	nets     eroute.Selector
}

// rows are the kinds of SAs. The traffic of those in tunnel mode is routed.
func rows(b bench) []row {
	over4 := lab.Tunnel{}
	over6 := lab.Tunnel{Src: b.East.WAN6, Dst: b.West.WAN6}
	any4, any6, cbc, ah, comp, ah6, comp6 := over4, over6, over4, over4, over4, over6, over6
	any4.AnyFamily, any6.AnyFamily, cbc.Suite = true, true, lab.CBC
	ah.Proto, comp.Proto, ah6.Proto, comp6.Proto = lab.AH, lab.COMP, lab.AH, lab.COMP
	h, w := b.EastHost, b.WestHost
	in4, in6 := nets(lab.EastLAN4, lab.WestLAN4), nets(lab.EastLAN6, lab.WestLAN6)
	return []row{
		{"tun ESP GCM v4 in v4", over4, true, layers.IPProtocolESP, h, h.LAN4, w.LAN4, in4},
		{"esp GCM v4 in v4", over4, false, layers.IPProtocolESP, h, h.LAN4, w.LAN4, in4},
		{"tun ESP CBC v4 in v4", cbc, true, layers.IPProtocolESP, h, h.LAN4, w.LAN4, in4},
		{"tun ESP v6 in v6", over6, true, layers.IPProtocolESP, h, h.LAN6, w.LAN6, in6},
		{"tun ESP v6 in v4", any4, true, layers.IPProtocolESP, h, h.LAN6, w.LAN6, in6},
		{"tun ESP v4 in v6", any6, true, layers.IPProtocolESP, h, h.LAN4, w.LAN4, in4},
		{"ah v4", ah, false, layers.IPProtocolAH, h, h.LAN4, w.LAN4, in4},
		{"tun AH v6", ah6, true, layers.IPProtocolAH, h, h.LAN6, w.LAN6, in6},
		{"comp v4", comp, false, lab.IPComp, h, h.LAN4, w.LAN4, in4},
		{"tun IPComp v6", comp6, true, lab.IPComp, h, h.LAN6, w.LAN6, in6},
		{"local tun ESP v4", over4, true, layers.IPProtocolESP, b.East, b.East.LAN4, w.LAN4, in4},
		{"local tun ESP v6", over6, true, layers.IPProtocolESP, b.East, b.East.LAN6, w.LAN6, in6},
		{"local ah v4", ah, false, layers.IPProtocolAH, b.East, b.East.LAN4, w.LAN4, in4},
		{"local comp v6", comp6, false, lab.IPComp, b.East, b.East.LAN6, w.LAN6, in6},
	}
}

// Each kind of SA carries the packets of its eroute, all of them and no others, and the eroute counts them
// exactly.
func TestSAIDs(t *testing.T) {
	for _, c := range []struct {
		name    string
		ingress []string
	}{{"routed", nil}, {"fast path", []string{lab.LAN}}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.ingress...)
			for _, r := range rows(b) {
				t.Run(r.name, func(t *testing.T) { b.checkRow(t, r) })
			}
		})
	}
}

func (b bench) checkRow(t *testing.T, r row) {
	sa := b.connect(t, r.tunnel, r.nets.Src, r.nets.Dst)
	said := sa.SAID()
	if r.tun {
		said = sa.TunSAID()
	}
	b.add(t, r.nets, said)
	stop, before := b.wire(t), b.reasons(t)

	const count, size = 10, 600
	ping := lab.Ping{Src: r.src, Dst: r.dst, Count: count, Size: size, Interval: 3 * time.Millisecond}
	if got, err := r.from.Ping(within(t, 20*time.Second), ping); err != nil || got.Received != count {
		t.Errorf("ping: %+v, %v", got, err)
	}
	frames := stop()
	checkOnly(t, frames, r.proto)
	out := lab.Match{Src: lab.Only(sa.Src), Dst: lab.Only(sa.Dst), SPI: sa.SPI}
	if n := frames.Count(out); n != count {
		t.Errorf("%d frames of %s, want %d", n, sa.SAID(), count)
	}
	bytes := uint64(count * (size + 28))
	if r.dst.Is6() {
		bytes = count * (size + 48)
	}
	if e := b.eroute(t, r.nets); e.Packets != count || e.Bytes != bytes {
		t.Errorf("counted %d packets of %d bytes, want %d of %d", e.Packets, e.Bytes, count, bytes)
	}
	checkReasons(t, before, b.reasons(t), map[string]uint64{"sa": count})
}

// checkReasons fails if other counters have grown, or by another amount.
func checkReasons(t *testing.T, before, after, grown map[string]uint64) {
	t.Helper()
	for name, n := range after {
		if got := n - before[name]; got != grown[name] {
			t.Errorf("%d packets counted as %s, want %d", got, name, grown[name])
		}
	}
}
