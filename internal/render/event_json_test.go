// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/schema"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/journal"
	"github.com/ipsec-eroute/eroute/pkg/monitor"
)

// TestEventSchema checks that events of the relay of every kind, full and empty, conform to docs/schema.json.
func TestEventSchema(t *testing.T) {
	var out bytes.Buffer
	write := func(e journal.Event) {
		if err := EventJSON(&out, &monitor.Event{Time: e.Time, Notice: &e}); err != nil {
			t.Fatal(err)
		}
	}
	flow := eroute.Selector{
		Src: netip.MustParsePrefix("10.0.0.1/32"), Dst: netip.MustParsePrefix("10.1.0.1/32"),
		Proto: eroute.ProtoTCP, SrcPort: 1024, DstPort: 22,
	}
	flow6 := eroute.Selector{Src: netip.MustParsePrefix("2001:db8::/32"), Dst: netip.MustParsePrefix("::/0")}
	said := eroute.SAID{Proto: eroute.ProtoESP, SPI: 0x1000, Dst: netip.MustParseAddr("2001:db8::2")}
	kinds := 0
	for kind := journal.KindAcquire; kind <= journal.KindLost; kind++ {
		write(journal.Event{Kind: kind})
		write(journal.Event{Kind: kind, Flow: flow, Eroute: flow, SAID: eroute.Trap, Device: 1, Packets: 2, Detail: "why"})
		write(journal.Event{Kind: kind, Flow: flow6, Eroute: flow6, SAID: said})
		kinds++
	}
	if err := schema.CheckLines(out.Bytes()); err != nil {
		t.Error(err)
	}
	if n := strings.Count(out.String(), "\n"); n != 3*kinds {
		t.Errorf("%d lines of %d events", n, 3*kinds)
	}
}
