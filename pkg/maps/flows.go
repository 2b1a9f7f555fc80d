// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/sas"
)

const flowsName = "eroute_flows"

// Flow is an eroute that a trap has made: a %hold, or an SA that a key manager has negotiated.
type Flow struct {
	eroute.Eroute // without its counters
	Serial        uint64
	Trap          eroute.Selector
	Device        int // ifindex of the ipsec device
	LastAcquire   time.Time
	Last          time.Time // of a hold: time of its last packet
}

// ID returns the flow's identity.
func (f *Flow) ID() abi.FlowID { return abi.FlowID{Selector: f.Selector, Serial: f.Serial} }

// PacketsByCPU returns the packets on each CPU that matched a flow with an SA since it was switched to it; nil if the flow
// has ended.
func (t *Table) PacketsByCPU(id abi.FlowID) ([]uint64, error) {
	v, err := t.flow(id.Selector)
	if err != nil || v == nil || v.Serial != id.Serial || isHold(v) {
		return nil, err
	}
	return t.counts.PacketsByCPU(v.Entry.Id)
}

// flow returns the flow with exactly this selector, or nil if it does not exist.
func (t *Table) flow(s eroute.Selector) (*bpf.ABIFlow, error) {
	if !t.haveFlows() {
		return nil, nil
	}
	var v bpf.ABIFlow
	err := t.maps[flowsName].Lookup(abi.NewFlowKey(s, t.generation()), &v)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look flow up: %w", err)
	}
	return &v, nil
}

// flowEntry is an entry of the hash of flows.
type flowEntry struct {
	key   bpf.ABIFlowKey
	value bpf.ABIFlow
}

// flowEntries reads the flows of all generations.
func (t *Table) flowEntries() ([]flowEntry, error) {
	return pinned.ReadAll(t.maps[flowsName], func(k *bpf.ABIFlowKey, v *bpf.ABIFlow) flowEntry {
		return flowEntry{*k, *v}
	})
}

// currentFlows reads the flows of the generation in use.
func (t *Table) currentFlows() ([]flowEntry, error) {
	if !t.haveFlows() {
		return nil, nil
	}
	generation := t.generation()
	all, err := t.flowEntries()
	n := 0
	for _, f := range all {
		if f.key.Generation == generation {
			all[n] = f
			n++
		}
	}
	return all[:n], err
}

// Flows returns the flows of all traps, in no order.
func (t *Table) Flows() ([]Flow, error) {
	all, err := t.currentFlows()
	if err != nil {
		return nil, err
	}
	slots := t.sas.Reader()
	flows := make([]Flow, 0, len(all))
	for _, f := range all {
		flow, err := t.newFlow(f, slots)
		if err != nil {
			return nil, err
		}
		flows = append(flows, flow)
	}
	return flows, nil
}

// Flow returns a flow, if it still exists.
func (t *Table) Flow(id abi.FlowID) (Flow, bool, error) {
	v, err := t.flow(id.Selector)
	if err != nil || v == nil || v.Serial != id.Serial {
		return Flow{}, false, err
	}
	f, err := t.newFlow(flowEntry{abi.NewFlowKey(id.Selector, t.generation()), *v}, t.sas.Reader())
	return f, err == nil, err
}

func (t *Table) newFlow(f flowEntry, slots *sas.Reader) (Flow, error) {
	said, err := eroute.Hold, error(nil)
	if !isHold(&f.value) {
		said, err = slots.SAID(&f.value.Entry)
	}
	s := abi.FlowSelector(&f.key)
	return Flow{
		Eroute:      eroute.Eroute{Selector: s, SAID: said},
		Serial:      f.value.Serial,
		Trap:        abi.TrapOf(s, f.value.TrapSrcPrefixlen, f.value.TrapDstPrefixlen),
		Device:      int(f.value.Device),
		LastAcquire: abi.MonotonicToWall(f.value.LastAcquire),
		Last:        abi.MonotonicToWall(abi.TicksToMonotonic(f.value.Last)),
	}, err
}

func isHold(f *bpf.ABIFlow) bool { return f.Entry.Action == uint8(bpf.ABIErouteActionACT_HOLD) }

// isTrapHold reports whether a flow is the hold that replaces a %trapsubnet. Its packets still count as the
// trap's.
func isTrapHold(f *bpf.ABIFlow) bool {
	return isHold(f) && f.TrapAction == uint8(bpf.ABIErouteActionACT_TRAPSUBNET)
}

// flowEroute converts a flow to an eroute for the listing.
func (t *Table) flowEroute(f flowEntry, slots *sas.Reader) (eroute.Eroute, error) {
	if !isHold(&f.value) {
		return t.eroute(abi.Entry{Selector: abi.FlowSelector(&f.key), Value: f.value.Entry}, slots)
	}
	if isTrapHold(&f.value) {
		c, err := t.counts.Read(f.value.Trap)
		return newEroute(&abi.Entry{Selector: abi.FlowSelector(&f.key)}, eroute.Hold, c), err
	}
	return eroute.Eroute{
		Selector: abi.FlowSelector(&f.key), SAID: eroute.Hold,
		Packets: abi.Owned(f.value.Packets), Bytes: abi.Owned(f.value.Bytes), LastUsed: abi.MonotonicToWall(abi.TicksToMonotonic(f.value.Last)),
	}, nil
}

func (t *Table) deleteFlow(key bpf.ABIFlowKey) error {
	if err := t.maps[flowsName].Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("delete flow: %w", err)
	}
	return nil
}
