// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// fresh returns an unused SA that was added at the given time.
func fresh(spi uint32, added uint64) xfrm.Usage {
	return xfrm.Usage{
		State: xfrm.State{
			StateKey: xfrm.StateKey{Proto: eroute.ProtoESP, SPI: spi, Dst: netip.MustParseAddr("192.0.2.2")},
			Src:      netip.MustParseAddr("192.0.2.1"), Mode: xfrm.ModeTunnel, ReqID: 7, Added: added,
		},
		Sequence: xfrm.Limit{Hard: 1 << 32},
	}
}

func TestLife(t *testing.T) {
	const subject = "esp spi 0x135 dst 192.0.2.2"
	for _, test := range []struct {
		change func(*xfrm.Usage)
		text   string // "" if there is no finding
	}{
		{func(*xfrm.Usage) {}, ""},
		{func(l *xfrm.Usage) { l.Bytes = xfrm.Limit{Used: 900, Soft: 800, Hard: 1000} }, "has processed 900 bytes of 1000"},
		{func(l *xfrm.Usage) { l.Bytes = xfrm.Limit{Used: 899, Soft: 800, Hard: 1000} }, ""},
		{func(l *xfrm.Usage) { l.Bytes = xfrm.Limit{Used: 950, Soft: 960, Hard: 1000} }, ""}, // below the soft limit
		{func(l *xfrm.Usage) { l.Packets = xfrm.Limit{Used: 99, Hard: 100} }, "has processed 99 packets of 100"},
		{func(l *xfrm.Usage) { l.Age = xfrm.Limit{Used: 3550, Soft: 3000, Hard: 3600} }, "expires in 50s"},
		{func(l *xfrm.Usage) { l.Age = xfrm.Limit{Used: 4000, Soft: 3000, Hard: 3600} }, "expires in 0s"},
		{func(l *xfrm.Usage) { l.Use = xfrm.Limit{Used: 600, Hard: 610} }, "expires in 10s"},
		{func(l *xfrm.Usage) { l.Age = xfrm.Limit{Used: 1e9} }, ""}, // no limit
		{func(l *xfrm.Usage) { l.Sequence.Used = 4_000_000_000 }, "has used 4000000000 of 4294967296 32-bit sequence numbers"},
		{func(l *xfrm.Usage) { l.Sequence.Used = 3_800_000_000 }, ""},
		{func(l *xfrm.Usage) { l.Sequence = xfrm.Limit{Used: 4_000_000_000} }, ""},
		{func(l *xfrm.Usage) { l.ESN, l.Sequence = true, xfrm.Limit{Used: 4_000_000_000, Hard: 1<<64 - 1} }, ""},
		{func(l *xfrm.Usage) { l.ESN, l.Sequence = true, xfrm.Limit{Used: 1<<64 - 2, Hard: 1<<64 - 1} }, "extended sequence numbers"},
	} {
		l := fresh(0x135, 100)
		test.change(&l)
		var wants []want
		if test.text != "" {
			wants = []want{{Problem, subject, test.text}}
		}
		checkFindings(t, lifetimeCheck, &Facts{Usages: []xfrm.Usage{l}}, wants...)
	}
}

// TestLifeRekeyed checks that an SA counts as rekeyed if a newer one has the same reqid and peers.
func TestLifeRekeyed(t *testing.T) {
	old := fresh(0x135, 100)
	old.Age = xfrm.Limit{Used: 3599, Soft: 3000, Hard: 3600}
	ends := want{Problem, "esp spi 0x135 dst 192.0.2.2", "expires in 1s"}
	next := fresh(0x136, 200)
	checkFindings(t, lifetimeCheck, &Facts{Usages: []xfrm.Usage{old, next}})
	other := next
	other.ReqID = 8
	checkFindings(t, lifetimeCheck, &Facts{Usages: []xfrm.Usage{old, other}}, ends)
	back := next
	back.Dst, back.Src = back.Src, back.Dst
	checkFindings(t, lifetimeCheck, &Facts{Usages: []xfrm.Usage{old, back}}, ends)
	old.ReqID, next.ReqID = 0, 0 // made by hand: no reqid relates them
	checkFindings(t, lifetimeCheck, &Facts{Usages: []xfrm.Usage{old, next}}, ends)
}
