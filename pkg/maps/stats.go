// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"fmt"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/revision"
	"github.com/ipsec-eroute/eroute/pkg/sas"
)

// ReasonCount is the number of packets that ended for one reason, since the table was made.
type ReasonCount struct {
	Name    string // such as "sa-missing"
	Verdict Verdict
	Packets uint64
	Bytes   uint64 // IP headers and payload
}

// Stats holds the state of a table and the counts of its packets by reason.
type Stats struct {
	Eroutes    uint32
	Followed   int // of these, those that follow policies of XFRM
	Limit      uint32
	Revision   revision.Revision
	SAs        int  // SAs that eroutes name
	SAsMissing int  // those that did not exist when XFRM was last read
	Relay      bool // whether a relay runs; without one traps drop packets
	Holds      int  // flows of traps that wait for an SA
	Answered   int  // flows of traps that have an SA
	Reasons    []ReasonCount
}

var reasonNames = [bpf.ABIReasonREASONS]string{
	bpf.ABIReasonREASON_SA:              "sa",
	bpf.ABIReasonREASON_PASS:            "pass",
	bpf.ABIReasonREASON_IKE:             "key-exchange",
	bpf.ABIReasonREASON_NO_EROUTE:       "no-eroute",
	bpf.ABIReasonREASON_DROP:            "drop",
	bpf.ABIReasonREASON_REJECT:          "reject",
	bpf.ABIReasonREASON_HOLD:            "hold",
	bpf.ABIReasonREASON_TRAP:            "trap",
	bpf.ABIReasonREASON_SA_MISSING:      "sa-missing",
	bpf.ABIReasonREASON_NO_XFRM:         "no-xfrm",
	bpf.ABIReasonREASON_NOT_IP:          "not-ip",
	bpf.ABIReasonREASON_ERROR:           "error",
	bpf.ABIReasonREASON_UNCONFIGURED:    "unconfigured",
	bpf.ABIReasonREASON_HOLD_NOT_STORED: "hold-not-stored",
	bpf.ABIReasonREASON_TRAP_NO_RELAY:   "trap-no-relay",
	bpf.ABIReasonREASON_TRAP_QUEUE_FULL: "trap-queue-full",
	bpf.ABIReasonREASON_TRAP_HOLDS_FULL: "trap-holds-full",
	bpf.ABIReasonREASON_TRAP_LIMITED:    "trap-limited",
	bpf.ABIReasonREASON_SA_EXHAUSTED:    "sa-exhausted",
	bpf.ABIReasonREASON_TRANSLATED:      "translated",
	bpf.ABIReasonREASON_UNWATCHED:       "unwatched",
	bpf.ABIReasonREASON_CLEAR_INBOUND:   "clear-inbound",
	bpf.ABIReasonREASON_WRONG_PEER:      "wrong-peer",
	bpf.ABIReasonREASON_XFRM:            "xfrm",
}

// Verdict is how the programs dispose of a packet.
type Verdict uint8

const (
	Sent    Verdict = 1 + iota // sent on, encrypted or in clear
	Kept                       // passed to the relay, which sends or discards it later
	Dropped                    // discarded
)

// String returns the verdict's name, such as "dropped".
func (v Verdict) String() string {
	return [...]string{Sent: "sent", Kept: "kept", Dropped: "dropped"}[v]
}

// verdictOf returns the verdict of packets that end for this reason.
func verdictOf(r bpf.ABIReason) Verdict {
	switch r {
	case bpf.ABIReasonREASON_SA, bpf.ABIReasonREASON_PASS, bpf.ABIReasonREASON_IKE, bpf.ABIReasonREASON_XFRM:
		return Sent
	case bpf.ABIReasonREASON_HOLD, bpf.ABIReasonREASON_TRAP:
		return Kept
	}
	return Dropped
}

// Stats reads the table's totals.
func (t *Table) Stats() (Stats, error) {
	s := Stats{Eroutes: t.count(), Limit: t.limit()}
	if t.writing() { // a killed command may have counted changes that it did not write
		s.Eroutes = 0
		if err := t.gen.EachEntry(func(abi.Entry) (bool, error) { s.Eroutes++; return true, nil }); err != nil {
			return s, err
		}
	}
	var err error
	if s.Revision, err = t.record.Read(); err != nil {
		return s, err
	}
	follows, err := t.Follows()
	if err == nil && follows {
		err = t.gen.EachEntry(func(e abi.Entry) (bool, error) { s.Followed += int(e.Value.Followed); return true, nil })
	}
	if err != nil {
		return s, err
	}
	all, err := t.sas.Named()
	if err != nil {
		return s, err
	}
	s.SAs = len(all)
	if len(all) > 0 {
		if s.SAsMissing, err = t.missing(all); err != nil {
			return s, err
		}
	}
	if s.Relay, err = t.relayRuns(); err != nil {
		return s, err
	}
	flows, err := t.currentFlows()
	if err != nil {
		return s, err
	}
	for _, f := range flows {
		if isHold(&f.value) {
			s.Holds++
		} else {
			s.Answered++
		}
	}
	for r := range bpf.ABIReasonREASONS {
		var cpus []bpf.ABIStat
		if err := t.maps["eroute_stats"].Lookup(uint32(r), &cpus); err != nil {
			return s, fmt.Errorf("read counters of %s: %w", reasonNames[r], err)
		}
		count := ReasonCount{Name: reasonNames[r], Verdict: verdictOf(r)}
		for _, cpu := range cpus {
			count.Packets += cpu.Packets
			count.Bytes += cpu.Bytes
		}
		s.Reasons = append(s.Reasons, count)
	}
	return s, nil
}

// missing counts the SAs that the programs treat as absent.
func (t *Table) missing(all map[abi.SAIDKey]abi.SAIDValue) (n int, err error) {
	slots := t.sas.Reader()
	for _, v := range all {
		sa, err := slots.At(v.Slot)
		if err != nil {
			return 0, err
		}
		if !sas.IsUsable(&sa) {
			n++
		}
	}
	return n, nil
}
