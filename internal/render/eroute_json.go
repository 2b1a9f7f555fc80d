// SPDX-License-Identifier: Apache-2.0

package render

import (
	"io"
	"iter"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Lookup is the part of a table that lookups use.
type Lookup interface {
	Lookup(p eroute.Packet) (eroute.Eroute, bool, error)
}

// erouteJSON is an eroute in docs/schema.json.
type erouteJSON struct {
	Src         string       `json:"src"`
	Dst         string       `json:"dst"`
	Proto       uint8        `json:"proto,omitempty"`
	SrcPort     uint16       `json:"src_port,omitempty"`
	DstPort     uint16       `json:"dst_port,omitempty"`
	SAID        string       `json:"said"`
	Members     []string     `json:"members,omitempty"`
	Spread      string       `json:"spread,omitempty"`
	ReturnAfter uint32       `json:"return_after,omitempty"`
	Aside       []string     `json:"aside,omitempty"`
	SAs         []*Traffic   `json:"sas,omitempty"`
	Action      string       `json:"action"`
	Packets     uint64       `json:"packets"`
	Bytes       uint64       `json:"bytes"`
	LastUsed    *string      `json:"last_used,omitempty"`
	Acquire     *acquireJSON `json:"acquire,omitempty"`
	Origin      string       `json:"origin,omitempty"`
}

// acquireJSON holds the ACQUIRE parameters of a trap.
type acquireJSON struct {
	Mode  string `json:"mode"`
	Proto string `json:"proto"`
	Peer  string `json:"peer,omitempty"`
	ReqID uint32 `json:"reqid,omitempty"`
	// Spread of the SAs of a flow.
	Spread string `json:"spread,omitempty"`
}

func newAcquireJSON(a eroute.AcquireParams) *acquireJSON {
	j := &acquireJSON{Mode: a.Mode.String(), Proto: eroute.ProtocolName(a.Proto), ReqID: a.ReqID, Spread: a.Spread.String()}
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
	for _, m := range e.SAID.Members() {
		j.Members = append(j.Members, m.String())
	}
	if e.SAID.IsGroup() {
		if e.SAID.Traps() {
			j.Members = append(j.Members, eroute.Trap.String())
		}
		j.Spread, j.ReturnAfter = e.SAID.Spread().String(), uint32(e.SAID.ReturnAfter()/time.Second)
		for _, m := range e.SetAside() {
			j.Aside = append(j.Aside, m.String())
		}
	}
	if e.Acquire != (eroute.AcquireParams{}) {
		j.Acquire = newAcquireJSON(e.Acquire)
	}
	if e.Followed {
		j.Origin = "followed"
	}
	if !e.LastUsed.IsZero() {
		text := e.LastUsed.UTC().Format(time.RFC3339Nano)
		j.LastUsed = &text
	}
	return j
}

// Traffic is the traffic of an SA, counted by XFRM since the SA was added.
type Traffic struct {
	SAID    string `json:"said"`
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// EroutesJSON writes eroutes, one per line. traffic reads that of the SAs of groups; it returns nil for an SA without
// figures.
func EroutesJSON(w io.Writer, all iter.Seq2[eroute.Eroute, error], traffic func(eroute.SAID) (*Traffic, error)) error {
	return writeArray(w, "eroutes", func(yield func(*erouteJSON, error) bool) {
		for e, err := range all {
			j := newErouteJSON(&e)
			if err == nil && e.SAID.IsGroup() {
				err = j.addTraffic(&e, traffic)
			}
			if !yield(j, err) {
				return
			}
		}
	})
}

// addTraffic adds the traffic of the SAs of a group.
func (j *erouteJSON) addTraffic(e *eroute.Eroute, traffic func(eroute.SAID) (*Traffic, error)) error {
	for _, sa := range e.SAID.SAs() {
		t, err := traffic(sa)
		if err != nil {
			return err
		}
		if t != nil {
			j.SAs = append(j.SAs, t)
		}
	}
	return nil
}

// LookupsJSON writes the eroute that each packet matches, or null, one per line.
func LookupsJSON(w io.Writer, t Lookup, packets []eroute.Packet) error {
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
