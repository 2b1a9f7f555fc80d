// SPDX-License-Identifier: Apache-2.0

package render

import (
	"io"
	"iter"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/explain"
)

// explanationJSON is an explanation in docs/schema.json.
type explanationJSON struct {
	Packet     packetJSON    `json:"packet"`
	Eroute     *erouteJSON   `json:"eroute"`
	Matches    []*erouteJSON `json:"matches"`
	DecidedBy  string        `json:"decided_by,omitempty"`
	Consistent bool          `json:"consistent"`
	Route      hopJSON       `json:"route"`
	IPsec      bool          `json:"ipsec"`
	Watched    bool          `json:"watched"`
	Members    []memberJSON  `json:"members,omitempty"`
	CPU        *int          `json:"cpu,omitempty"`
	SA         *saJSON       `json:"sa,omitempty"`
	Verdict    string        `json:"verdict"`
	Reason     string        `json:"reason,omitempty"`
	Next       *hopJSON      `json:"next,omitempty"`
	Detail     string        `json:"detail,omitempty"`
}

// memberJSON is what packets on some CPUs go to, of a group by CPU.
type memberJSON struct {
	CPUs  []int  `json:"cpus"`
	SAID  string `json:"said,omitempty"`
	Bound bool   `json:"bound"`
}

type packetJSON struct {
	Src     string `json:"src"`
	Dst     string `json:"dst"`
	Proto   uint8  `json:"proto,omitempty"`
	SrcPort uint16 `json:"src_port,omitempty"`
	DstPort uint16 `json:"dst_port,omitempty"`
}

type hopJSON struct {
	Device  string `json:"device,omitempty"`
	Via     string `json:"via,omitempty"`
	Problem string `json:"problem,omitempty"`
}

// saJSON is the SA that an eroute names, or the member of its group. If there is no state, only the first four fields
// are present.
type saJSON struct {
	SAID    string `json:"said"`
	Present bool   `json:"present"`
	Ready   bool   `json:"ready"`
	Problem string `json:"problem,omitempty"`
	*lifeJSON
}

type lifeJSON struct {
	Proto      string       `json:"proto"`
	SPI        uint32       `json:"spi"`
	Src        string       `json:"src,omitempty"`
	Dst        string       `json:"dst"`
	Mode       string       `json:"mode"`
	ReqID      uint32       `json:"reqid,omitempty"`
	CPU        *uint32      `json:"cpu,omitempty"`
	IfID       uint32       `json:"if_id,omitempty"`
	After      []*stateJSON `json:"after,omitempty"`
	Packets    uint64       `json:"packets"`
	Bytes      uint64       `json:"bytes"`
	MaxPackets uint64       `json:"max_packets,omitempty"`
	MaxBytes   uint64       `json:"max_bytes,omitempty"`
	Expires    string       `json:"expires,omitempty"`
}

func newHopJSON(h explain.Hop) hopJSON {
	j := hopJSON{Device: h.Device, Problem: h.Problem}
	if h.Via.IsValid() {
		j.Via = h.Via.String()
	}
	return j
}

func newSAJSON(s *explain.SA) *saJSON {
	j := &saJSON{SAID: s.SAID.String(), Present: s.State != nil, Ready: s.Ready, Problem: s.Problem}
	if s.State == nil {
		return j
	}
	l := s.State
	j.lifeJSON = &lifeJSON{
		Proto: eroute.ProtocolName(l.Proto), SPI: l.SPI, Dst: l.Dst.String(), Mode: l.Mode.String(), ReqID: l.ReqID, IfID: l.IfID,
		Packets: l.Packets, Bytes: l.Bytes, MaxPackets: l.MaxPackets, MaxBytes: l.MaxBytes,
	}
	before := l.Bundle()
	for _, s := range before[:len(before)-1] {
		j.After = append(j.After, newStateJSON(s))
	}
	if l.OneCPU {
		j.CPU = &l.CPU
	}
	if l.Src.IsValid() && !l.Src.IsUnspecified() {
		j.Src = l.Src.String()
	}
	if !l.Expires.IsZero() {
		j.Expires = l.Expires.UTC().Format(time.RFC3339)
	}
	return j
}

func newExplanationJSON(e *explain.Explanation) *explanationJSON {
	j := &explanationJSON{
		Packet:     packetJSON{e.Packet.Src.String(), e.Packet.Dst.String(), e.Packet.Proto, e.Packet.SrcPort, e.Packet.DstPort},
		Consistent: e.Consistent(), Route: newHopJSON(e.Route), IPsec: e.IPsec, Watched: e.Watched,
		Verdict: e.Verdict.String(), Reason: e.Reason, Detail: e.Detail, CPU: e.CPU,
		Matches: make([]*erouteJSON, len(e.Matches)),
	}
	for i := range e.Matches {
		j.Matches[i] = newErouteJSON(&e.Matches[i])
	}
	if field := e.DecidedBy(); field != 0 {
		j.DecidedBy = [...]string{
			eroute.FieldSrc: "src", eroute.FieldDst: "dst", eroute.FieldProto: "proto",
			eroute.FieldSrcPort: "src_port", eroute.FieldDstPort: "dst_port",
		}[field]
	}
	if e.Match != nil {
		j.Eroute = newErouteJSON(e.Match)
	}
	for _, m := range e.Members {
		member := memberJSON{CPUs: m.CPUs, Bound: m.Bound}
		if m.SAID != (eroute.SAID{}) {
			member.SAID = m.SAID.String()
		}
		j.Members = append(j.Members, member)
	}
	if e.SA != nil {
		j.SA = newSAJSON(e.SA)
	}
	if e.Next != (explain.Hop{}) {
		next := newHopJSON(e.Next)
		j.Next = &next
	}
	return j
}

// ExplanationsJSON writes explanations, one per line.
func ExplanationsJSON(w io.Writer, all iter.Seq2[*explain.Explanation, error]) error {
	return writeArray(w, "explanations", func(yield func(*explanationJSON, error) bool) {
		for e, err := range all {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(newExplanationJSON(e), nil) {
				return
			}
		}
	})
}
