// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/acquire"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/journal"
)

// TestAcquireJSON checks the lines of acquire --json. Each is written when its event happens.
func TestAcquireJSON(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 1500, time.UTC)
	flow := eroute.Selector{
		Src: netip.MustParsePrefix("10.1.0.1/32"), Dst: netip.MustParsePrefix("10.2.0.1/32"),
		Proto: eroute.ProtoTCP, SrcPort: 1024, DstPort: 22,
	}
	trap := eroute.Selector{Src: netip.MustParsePrefix("10.1.0.0/16"), Dst: netip.MustParsePrefix("10.2.0.0/16")}
	detail := strings.Repeat("<x>", 40)
	var out bytes.Buffer
	e := testEnv(nil, &out, &bytes.Buffer{})
	e.relay = func(_ context.Context, c acquire.Config) error {
		for _, step := range []struct {
			event journal.Event
			want  string
		}{
			{
				journal.Event{Kind: journal.KindAcquire, Flow: flow, Eroute: trap, SAID: eroute.Trap, Device: 1, Packets: 2, Detail: detail},
				`{"event":"acquire","time":"2026-11-24T12:00:00.0000015Z",` +
					`"flow":{"src":"10.1.0.1/32","dst":"10.2.0.1/32","proto":6,"src_port":1024,"dst_port":22},` +
					`"eroute":{"src":"10.1.0.0/16","dst":"10.2.0.0/16","said":"%trap"},"device":"lo","packets":2,` +
					`"detail":"` + strings.Repeat(`\u003cx\u003e`, 40) + `"}`,
			},
			{journal.Event{Kind: journal.KindLost}, `{"event":"lost","time":"2026-11-24T12:00:00.0000015Z"}`},
			{
				journal.Event{Kind: journal.KindLost, Device: 999999},
				`{"event":"lost","time":"2026-11-24T12:00:00.0000015Z","device":"interface 999999"}`,
			},
		} {
			out.Reset()
			step.event.Time = at
			if err := c.Events(step.event); err != nil {
				t.Error(err)
			}
			if out.String() != step.want+"\n" {
				t.Errorf("printed %s, not %s", out.String(), step.want)
			}
		}
		return nil
	}
	if status := run(context.Background(), e, []string{"acquire", "--json"}); status != 0 {
		t.Errorf("status %d", status)
	}
}
