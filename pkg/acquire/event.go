// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/ifname"
	"github.com/ipsec-eroute/eroute/pkg/journal"
)

// reporter publishes events: as a line of text to the log, to a function, and to monitors.
type reporter struct {
	log      *slog.Logger
	events   func(journal.Event) error // nil: none
	counts   *Counters
	monitors *journal.Publisher // nil: no monitors
}

func (r reporter) report(e journal.Event) {
	e.Time = time.Now()
	if e.Device != 0 && e.DeviceName == "" {
		e.DeviceName = ifname.Text(e.Device)
	}
	r.counts.event(e)
	if r.monitors != nil {
		if err := r.monitors.Publish(e); err != nil {
			r.log.Warn("publish event", "error", err)
		}
	}
	r.log.Info(e.Kind.String(), attributes(&e)...)
	if r.events == nil {
		return
	}
	if err := r.events(e); err != nil {
		r.log.Error("write event", "error", err)
	}
}

// attributes returns an event's attributes for its line in the log.
func attributes(e *journal.Event) (attrs []any) {
	if e.Flow.Src.IsValid() {
		attrs = append(attrs, "flow", describe(e.Flow))
	}
	if e.Eroute.Src.IsValid() {
		attrs = append(attrs, "eroute", describe(e.Eroute), "said", e.SAID.String())
	}
	if e.DeviceName != "" {
		attrs = append(attrs, "device", e.DeviceName)
	}
	if e.Packets > 0 {
		attrs = append(attrs, "packets", e.Packets)
	}
	if e.Detail != "" {
		attrs = append(attrs, "detail", e.Detail)
	}
	return attrs
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
