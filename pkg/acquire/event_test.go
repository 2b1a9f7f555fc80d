// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/schema"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// TestEventSchema checks that events of every kind, full and empty, conform to docs/schema.json.
func TestEventSchema(t *testing.T) {
	var out bytes.Buffer
	r := reporter{log: slog.New(slog.DiscardHandler), out: &out, counts: &Counters{}}
	flow := eroute.Selector{
		Src: netip.MustParsePrefix("10.0.0.1/32"), Dst: netip.MustParsePrefix("10.1.0.1/32"),
		Proto: eroute.ProtoTCP, SrcPort: 1024, DstPort: 22,
	}
	flow6 := eroute.Selector{Src: netip.MustParsePrefix("2001:db8::/32"), Dst: netip.MustParsePrefix("::/0")}
	said := eroute.SAID{Proto: eroute.ProtoESP, SPI: 0x1000, Dst: netip.MustParseAddr("2001:db8::2")}
	kinds := []Kind{KindAcquire, KindHold, KindRelease, KindReap, KindLost}
	for _, kind := range kinds {
		r.report(Event{Kind: kind})
		r.report(Event{Kind: kind, Flow: flow, Eroute: flow, SAID: eroute.Trap, Device: 1, Packets: 2, Detail: "why"})
		r.report(Event{Kind: kind, Flow: flow6, Eroute: flow6, SAID: said})
	}
	if err := schema.CheckLines(out.Bytes()); err != nil {
		t.Error(err)
	}
	if n := strings.Count(out.String(), "\n"); n != 3*len(kinds) {
		t.Errorf("%d lines of %d events", n, 3*len(kinds))
	}
}
