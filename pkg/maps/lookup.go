// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"fmt"
	"time"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/lookup"
)

// Lookup returns the eroute that a packet matches, with its counters. It runs the kernel program on a frame
// made for the packet. Nothing is counted or changed.
func (t *Table) Lookup(p eroute.Packet) (eroute.Eroute, bool, error) {
	frame, err := lookup.Frame(p)
	if err != nil {
		return eroute.Eroute{}, false, err
	}
	return t.lookupFrame(frame, p)
}

// Member returns the SA to which the kernel program sends a packet whose eroute has a group, if the packet is on a CPU,
// which only matters for a group by CPU. eroute.Trap: the packet matches the %trap; the zero SAID: it drops, as all SAs
// are set aside or bound to other CPUs.
func (t *Table) Member(p eroute.Packet, group eroute.SAID, cpu uint32) (eroute.SAID, error) {
	frame, err := lookup.Frame(p)
	if err != nil {
		return eroute.SAID{}, err
	}
	found, err := t.lookup.RunOn(frame, p, cpu)
	if err != nil {
		return eroute.SAID{}, err
	}
	if found.SA == uint32(bpf.ABILimitsNO_SLOT) {
		if group.Traps() {
			return eroute.Trap, nil
		}
		return eroute.SAID{}, nil
	}
	return t.sas.Reader().SAIDAt(found.SA)
}

// IsOwnKeyExchange reports whether a packet that the gateway sends, from a key manager or from XFRM, is its own
// key exchange: by protocol and ports, and by source, which the program on the ipsec device checks in the same
// way. ifindex is that of the physical device; 0: none.
func (t *Table) IsOwnKeyExchange(p eroute.Packet, ifindex uint32) (bool, error) {
	return t.lookup.IsOwnKeyExchange(p, ifindex)
}

// LookupTime runs the kernel program once for each packet, and returns the shortest time; longer ones include
// interruptions. The packets must belong to different flows, so that none hits the cache. Returns 0 if there
// are no packets. Nothing is counted or changed.
func (t *Table) LookupTime(packets []eroute.Packet) (time.Duration, error) {
	return t.lookup.ShortestTime(packets)
}

// lookupFrame returns the eroute that the packet of an Ethernet frame matches. p holds the frame's fields that
// selectors compare. Returns lookup.ErrNotIP if the program finds no IP packet.
func (t *Table) lookupFrame(frame []byte, p eroute.Packet) (eroute.Eroute, bool, error) {
	found, err := t.lookup.Run(frame, p)
	if err != nil || found.Status == bpf.ABILookupStatusLOOKUP_NONE {
		return eroute.Eroute{}, false, err
	}
	s := found.Selector
	if found.Status == bpf.ABILookupStatusLOOKUP_FLOW {
		return t.lookupFlow(s)
	}
	value, exists, err := t.gen.Entry(s)
	if err != nil {
		return eroute.Eroute{}, false, err
	}
	if !exists || value.Id != found.ID {
		return eroute.Eroute{}, false, fmt.Errorf("run lookup program: what it found is not %v", s)
	}
	listed, err := t.eroute(abi.Entry{Selector: s, Value: *value}, t.sas.Reader())
	return listed, true, err
}

func (t *Table) lookupFlow(s eroute.Selector) (eroute.Eroute, bool, error) {
	flow, err := t.flow(s)
	if err != nil || flow == nil { // programs make flows and the relay ends them concurrently
		return eroute.Eroute{}, false, err
	}
	listed, err := t.flowEroute(flowEntry{abi.NewFlowKey(s, t.generation()), *flow}, t.sas.Reader())
	return listed, true, err
}
