// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/ifname"
	"github.com/ipsec-eroute/eroute/pkg/journal"
	"github.com/ipsec-eroute/eroute/pkg/monitor"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// eventTime is the format of an event's time, in UTC.
const eventTime = "2006-01-02T15:04:05.000000Z"

// eventNames are the names of SA changes.
var eventNames = [...]string{
	xfrm.StateAdded: "sa-add", xfrm.StateUpdated: "sa-update", xfrm.StateDeleted: "sa-del",
	xfrm.StateExpiring: "sa-expiring", xfrm.StateExpired: "sa-expired", xfrm.StatesFlushed: "sa-flush",
	xfrm.StateMigrated: "sa-migrate",
}

// eventName returns the name of an event, in one word.
func eventName(e *monitor.Event) string {
	switch {
	case e.Notice != nil:
		return e.Notice.Kind.String()
	case e.SA != nil:
		return eventNames[e.SA.Kind]
	}
	return "missed"
}

// Event writes the line of an event: time, name and subject.
func Event(w io.Writer, e *monitor.Event) error {
	var text string
	switch {
	case e.Notice != nil:
		text = noticeText(e.Notice)
	case e.SA != nil && e.SA.Kind == xfrm.StatesFlushed:
		text = protocolText(e.SA.State.Proto)
	case e.SA != nil:
		text = stateText(&e.SA.State)
		if e.SA.From.IsValid() {
			text += ", from dst " + e.SA.From.String()
		}
	case e.Missed.Count == 0:
		text = "events lost: " + e.Missed.Why
	default:
		text = fmt.Sprintf("%d events lost: %s", e.Missed.Count, e.Missed.Why)
	}
	line := fmt.Sprintf("%s %-11s %s", e.Time.UTC().Format(eventTime), eventName(e), text)
	_, err := fmt.Fprintln(w, strings.TrimRight(line, " "))
	return err
}

// Opened writes a line for packets that a change newly sends in clear.
func Opened(w io.Writer, o monitor.Opened) error {
	text := "more selectors: " + Number(o.More)
	if o.Region != nil {
		text = fmt.Sprintf("%s, %s", Region(o.Region), Example(o.Region))
	}
	_, err := fmt.Fprintf(w, "%s %-11s %s\n", o.At.UTC().Format(eventTime), "opens", text)
	return err
}

func noticeText(n *journal.Event) (text string) {
	switch {
	case !n.Flow.Src.IsValid() && n.Eroute.Src.IsValid():
		text = Selector(n.Eroute)
	case n.Eroute.Src.IsValid() && n.Eroute != n.Flow:
		text = Selector(n.Flow) + " by " + Selector(n.Eroute)
	case n.Flow.Src.IsValid():
		text = Selector(n.Flow)
	}
	if n.SAID != (eroute.SAID{}) {
		text += " => " + n.SAID.String()
	}
	if n.Device != 0 {
		text += ", " + deviceName(n)
	}
	switch {
	case n.Packets == 1:
		text += ", 1 packet"
	case n.Packets > 1:
		text += fmt.Sprintf(", %d packets", n.Packets)
	}
	if n.Detail != "" {
		text += ": " + n.Detail
	}
	return strings.TrimLeft(text, ",: ")
}

// Selector formats a selector as in the listing, without columns.
func Selector(s eroute.Selector) string {
	rule, _, _ := strings.Cut(eroute.Eroute{Selector: s}.Rule(), " => ")
	text := strings.Join(strings.Fields(rule), " ")
	if s.Proto != 0 {
		text += fmt.Sprintf(" protocol %d", s.Proto)
	}
	return text
}

func stateText(s *xfrm.State) string {
	text := s.StateKey.String()
	if s.Src.IsValid() && !s.Src.IsUnspecified() {
		text += " src " + s.Src.String()
	}
	text += fmt.Sprintf(", %s mode", s.Mode)
	if s.ReqID != 0 {
		text += fmt.Sprintf(", reqid %d", s.ReqID)
	}
	if s.IfID != 0 {
		text += fmt.Sprintf(", if_id %#x", s.IfID)
	}
	return text
}

// protocolText describes the protocols of a flush.
func protocolText(proto uint8) string {
	if proto == 0 || proto == 255 { // IPSEC_PROTO_ANY
		return "all"
	}
	return "all of " + xfrm.ProtocolName(proto)
}

// deviceName returns the name of an event's ipsec device.
func deviceName(e *journal.Event) string {
	if e.DeviceName != "" {
		return e.DeviceName
	}
	return ifname.Text(e.Device)
}
