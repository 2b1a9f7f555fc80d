// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/journal"
)

// TestReport checks that an event is counted, logged, and passed with its time and the name of its device, and that
// an error of the receiver is logged.
func TestReport(t *testing.T) {
	var (
		log  bytes.Buffer
		got  []journal.Event
		fail error
	)
	r := reporter{log: slog.New(slog.NewTextHandler(&log, nil)), counts: &Counters{}, events: func(e journal.Event) error {
		got = append(got, e)
		return fail
	}}
	flow := eroute.Selector{
		Src: netip.MustParsePrefix("10.0.0.1/32"), Dst: netip.MustParsePrefix("10.1.0.1/32"),
		Proto: eroute.ProtoTCP, SrcPort: 1024, DstPort: 22,
	}
	for _, kind := range Kinds {
		got = nil
		log.Reset()
		want := journal.Event{Kind: kind, Flow: flow, Eroute: flow, SAID: eroute.Trap, Device: 1, Packets: 2, Detail: strings.Repeat("x", 100)}
		r.report(want)
		if len(got) != 1 || got[0].Time.IsZero() {
			t.Fatalf("%v: events %+v", kind, got)
		}
		if want.Time, want.DeviceName = got[0].Time, "lo"; got[0] != want {
			t.Errorf("%v: %+v, not %+v", kind, got[0], want)
		}
		line := `level=INFO msg=` + kind.String() + ` flow="10.0.0.1/32 -> 10.1.0.1/32 protocol 6 ports 1024 -> 22"` +
			` eroute="10.0.0.1/32 -> 10.1.0.1/32 protocol 6 ports 1024 -> 22" said=%trap device=lo packets=2 detail=` + want.Detail + "\n"
		if _, text, _ := strings.Cut(log.String(), " "); text != line {
			t.Errorf("log %s, not %s", text, line)
		}
		if totals := r.counts.Totals(); totals.Events[kind] != 1 || totals.Packets[kind] != 2 {
			t.Errorf("%v: %+v", kind, totals)
		}
	}
	log.Reset()
	fail = errors.New("no space")
	r.report(journal.Event{Kind: journal.KindLost})
	if !strings.Contains(log.String(), `level=ERROR msg="write event" error="no space"`) {
		t.Errorf("log %s", log.String())
	}
}
