// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"iter"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// erouteJSON is an eroute as docs/json.md describes it.
type erouteJSON struct {
	Src      string   `json:"src"`
	Dst      string   `json:"dst"`
	Proto    uint8    `json:"proto,omitempty"`
	SrcPort  uint16   `json:"src_port,omitempty"`
	DstPort  uint16   `json:"dst_port,omitempty"`
	SAID     string   `json:"said"`
	Action   string   `json:"action"`
	Packets  uint64   `json:"packets"`
	Bytes    uint64   `json:"bytes"`
	LastUsed *string  `json:"last_used,omitempty"`
	Acquire  *askJSON `json:"acquire,omitempty"`
}

// askJSON is how a trap asks.
type askJSON struct {
	Mode  string `json:"mode"`
	Proto string `json:"proto"`
	Peer  string `json:"peer,omitempty"`
	ReqID uint32 `json:"reqid,omitempty"`
}

func newAskJSON(a eroute.Ask) *askJSON {
	j := &askJSON{Mode: a.Mode.String(), Proto: eroute.ProtocolName(a.Proto), ReqID: a.ReqID}
	if a.Peer.IsValid() {
		j.Peer = a.Peer.String()
	}
	return j
}

func newErouteJSON(e *eroute.Eroute) *erouteJSON {
	j := &erouteJSON{
		Src: e.Selector.Src.String(), Dst: e.Selector.Dst.String(),
		Proto: e.Selector.Proto, SrcPort: e.Selector.SrcPort, DstPort: e.Selector.DstPort,
		SAID: e.SAID.String(), Action: e.SAID.Action().String(),
		Packets: e.Packets, Bytes: e.Bytes,
	}
	if e.Ask != (eroute.Ask{}) {
		j.Acquire = newAskJSON(e.Ask)
	}
	if !e.LastUsed.IsZero() {
		text := e.LastUsed.UTC().Format(time.RFC3339Nano)
		j.LastUsed = &text
	}
	return j
}

// writeListJSON writes eroutes, one a line.
func writeListJSON(w io.Writer, all iter.Seq2[eroute.Eroute, error]) error {
	return writeArray(w, "eroutes", func(yield func(*erouteJSON, error) bool) {
		for e, err := range all {
			if !yield(newErouteJSON(&e), err) {
				return
			}
		}
	})
}

// writeLookupJSON writes the eroute that each packet would meet, or null, a line each.
func writeLookupJSON(w io.Writer, t table, packets []eroute.Packet) error {
	return writeArray(w, "lookups", func(yield func(*erouteJSON, error) bool) {
		for _, packet := range packets {
			e, found, err := t.Lookup(packet)
			answer := newErouteJSON(&e)
			if !found {
				answer = nil
			}
			if !yield(answer, err) {
				return
			}
		}
	})
}
