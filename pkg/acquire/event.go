// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/journal"
)

// Kind is what happened to a flow.
type Kind string

// The kinds of events.
const (
	KindAcquire Kind = "acquire" // an SA was requested from the key managers
	KindHold    Kind = "hold"    // a hold was made or found
	KindRelease Kind = "release" // the flow has another eroute, its packets were sent
	KindReap    Kind = "reap"    // the flow ended, its trap applies again
	KindLost    Kind = "lost"    // a packet, or all packets of a hold, were dropped
)

// record is an event's JSON object, see docs/json.md.
type record struct {
	Event   Kind        `json:"event"`
	Time    string      `json:"time"`
	Flow    *selectors  `json:"flow,omitempty"`
	Eroute  *erouteJSON `json:"eroute,omitempty"`
	Device  string      `json:"device,omitempty"`
	Packets int         `json:"packets,omitempty"`
	Detail  string      `json:"detail,omitempty"`
}

type selectors struct {
	Src     string `json:"src"`
	Dst     string `json:"dst"`
	Proto   uint8  `json:"proto,omitempty"`
	SrcPort uint16 `json:"src_port,omitempty"`
	DstPort uint16 `json:"dst_port,omitempty"`
}

type erouteJSON struct {
	selectors
	SAID string `json:"said"`
}

func newSelectors(s eroute.Selector) selectors {
	return selectors{s.Src.String(), s.Dst.String(), s.Proto, s.SrcPort, s.DstPort}
}

// Event is one thing that happened to a flow.
type Event struct {
	Kind    Kind
	Flow    eroute.Selector // zero: all
	Eroute  eroute.Selector // that matched or matches the flow; zero: not known
	SAID    eroute.SAID
	Device  int // ifindex of the ipsec device; 0: not known
	Packets int
	Detail  string
}

// reporter publishes events: as a line of text to the log, as an object to out, and to monitors.
type reporter struct {
	log      *slog.Logger
	out      io.Writer // nil: no objects are written
	counts   *Counters
	monitors *journal.Publisher // nil: no monitors
}

func (r reporter) report(e Event) {
	r.counts.event(e)
	now := time.Now()
	r.tellMonitors(e, now)
	rec := record{
		Event: e.Kind, Time: now.UTC().Format(time.RFC3339Nano),
		Device: deviceName(e.Device), Packets: e.Packets, Detail: e.Detail,
	}
	attrs := []any{}
	if e.Flow.Src.IsValid() {
		flow := newSelectors(e.Flow)
		rec.Flow = &flow
		attrs = append(attrs, "flow", describe(e.Flow))
	}
	if e.Eroute.Src.IsValid() {
		rec.Eroute = &erouteJSON{newSelectors(e.Eroute), e.SAID.String()}
		attrs = append(attrs, "eroute", describe(e.Eroute), "said", e.SAID.String())
	}
	if rec.Device != "" {
		attrs = append(attrs, "device", rec.Device)
	}
	if e.Packets > 0 {
		attrs = append(attrs, "packets", e.Packets)
	}
	if e.Detail != "" {
		attrs = append(attrs, "detail", e.Detail)
	}
	r.log.Info(string(e.Kind), attrs...)
	if r.out == nil {
		return
	}
	if err := json.NewEncoder(r.out).Encode(rec); err != nil {
		r.log.Error("write event", "error", err)
	}
}

// describe returns a selector as text for a log line.
func describe(s eroute.Selector) string {
	text := fmt.Sprintf("%s -> %s", s.Src, s.Dst)
	if s.Proto != 0 {
		text += fmt.Sprintf(" protocol %d", s.Proto)
	}
	if s.SrcPort != 0 || s.DstPort != 0 {
		text += fmt.Sprintf(" ports %d -> %d", s.SrcPort, s.DstPort)
	}
	return text
}

func deviceName(ifindex int) string {
	if ifindex == 0 {
		return ""
	}
	if device, err := net.InterfaceByIndex(ifindex); err == nil {
		return device.Name
	}
	return fmt.Sprint(ifindex)
}
