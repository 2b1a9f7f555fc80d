// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"iter"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Matching yields the eroutes whose selector keep accepts, including flows of traps, in no order. It scans the
// whole table in batches, and reads counters only of the eroutes that it yields. An error ends it.
func (t *Table) Matching(keep func(eroute.Selector) bool) iter.Seq2[eroute.Eroute, error] {
	return func(yield func(eroute.Eroute, error) bool) {
		flows, err := t.currentFlows()
		if err != nil {
			yield(eroute.Eroute{}, err)
			return
		}
		slots := t.sas.Reader()
		covered := make(map[eroute.Selector]bool) // a flow takes precedence over its trap
		for _, f := range flows {
			s := abi.FlowSelector(&f.key)
			if !keep(s) {
				continue
			}
			covered[s] = true
			if listed, err := t.flowEroute(f, slots); !yield(listed, err) || err != nil {
				return
			}
		}
		err = t.gen.EachEntry(func(e abi.Entry) (bool, error) {
			if covered[e.Selector] || !keep(e.Selector) {
				return true, nil
			}
			listed, err := t.eroute(e, slots)
			return err == nil && yield(listed, nil), err
		})
		if err != nil {
			yield(eroute.Eroute{}, err)
		}
	}
}

// SAReady reports whether packets of eroutes with this SAID are passed to XFRM: the state existed when XFRM was
// last read, has not been deleted since, and has sequence numbers left.
func (t *Table) SAReady(said eroute.SAID) (bool, error) {
	return t.sas.IsReady(said)
}

// RelayRuns reports whether a relay receives the packets that match traps and holds.
func (t *Table) RelayRuns() (bool, error) { return t.relayRuns() }
