// SPDX-License-Identifier: Apache-2.0

package render

import (
	"encoding/json"
	"io"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/monitor"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// eventJSON is an event in docs/schema.json.
type eventJSON struct {
	Event   string      `json:"event"`
	Time    string      `json:"time"`
	Flow    *packetJSON `json:"flow,omitempty"`
	Eroute  *ruleJSON   `json:"eroute,omitempty"`
	SA      *stateJSON  `json:"sa,omitempty"`
	Device  string      `json:"device,omitempty"`
	Opens   *regionJSON `json:"opens,omitempty"`
	Packets int         `json:"packets,omitempty"`
	Count   uint64      `json:"count,omitempty"`
	Detail  string      `json:"detail,omitempty"`
}

// ruleJSON is an eroute without its counters.
type ruleJSON struct {
	packetJSON
	SAID string `json:"said,omitempty"`
}

// stateJSON is a state. A flush has only the protocol.
type stateJSON struct {
	Proto string `json:"proto,omitempty"`
	SPI   uint32 `json:"spi,omitempty"`
	Src   string `json:"src,omitempty"`
	Dst   string `json:"dst,omitempty"`
	Mode  string `json:"mode,omitempty"`
	From  string `json:"from,omitempty"`
	ReqID uint32 `json:"reqid,omitempty"`
	IfID  uint32 `json:"if_id,omitempty"`
}

func newSelectorJSON(s eroute.Selector) packetJSON {
	return packetJSON{s.Src.String(), s.Dst.String(), s.Proto, s.SrcPort, s.DstPort}
}

// newChangeJSON converts a change of a state. A flush has the protocol, unless all protocols were flushed.
func newChangeJSON(c *xfrm.Change) *stateJSON {
	s := &c.State
	if c.Kind == xfrm.StatesFlushed {
		j := &stateJSON{}
		if s.Proto != 0 && s.Proto != 255 {
			j.Proto = xfrm.ProtocolName(s.Proto)
		}
		return j
	}
	j := newStateJSON(s)
	if c.From.IsValid() {
		j.From = c.From.String()
	}
	return j
}

func newStateJSON(s *xfrm.State) *stateJSON {
	j := &stateJSON{
		Proto: xfrm.ProtocolName(s.Proto), SPI: s.SPI, Dst: s.Dst.String(), Mode: s.Mode.String(), ReqID: s.ReqID, IfID: s.IfID,
	}
	if s.Src.IsValid() && !s.Src.IsUnspecified() {
		j.Src = s.Src.String()
	}
	return j
}

// EventJSON writes an event as an object on one line.
func EventJSON(w io.Writer, e *monitor.Event) error {
	j := eventJSON{Event: eventName(e), Time: e.Time.UTC().Format(time.RFC3339Nano)}
	switch {
	case e.Notice != nil:
		n := e.Notice
		if n.Flow.Src.IsValid() {
			flow := newSelectorJSON(n.Flow)
			j.Flow = &flow
		}
		if n.Eroute.Src.IsValid() {
			j.Eroute = &ruleJSON{packetJSON: newSelectorJSON(n.Eroute)}
			if n.SAID != (eroute.SAID{}) {
				j.Eroute.SAID = n.SAID.String()
			}
		}
		if n.Device != 0 {
			j.Device = deviceName(n)
		}
		j.Packets, j.Detail = n.Packets, n.Detail
	case e.SA != nil:
		j.SA = newChangeJSON(e.SA)
	default:
		j.Count, j.Detail = e.Missed.Count, e.Missed.Why
	}
	return json.NewEncoder(w).Encode(j)
}

// OpenedJSON writes packets that a change newly sends in clear as an object on one line.
func OpenedJSON(w io.Writer, o monitor.Opened) error {
	j := eventJSON{Event: "opens", Time: o.At.UTC().Format(time.RFC3339Nano), Count: uint64(o.More)}
	if o.Region != nil {
		region := newRegionJSON(o.Class, o.Region)
		j.Opens = &region
	}
	return json.NewEncoder(w).Encode(j)
}
