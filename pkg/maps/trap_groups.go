// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/relaywire"
)

// traps reports whether packets of an eroute of the table make flows: it is a trap, or a group of SAs that ends with
// %trap. The eroute's slot is read once for all eroutes that have it.
func (w *writer) traps(v *bpf.ABIErouteValue) (traps bool, err error) {
	if action := abi.ActionOf(v); action != eroute.ActionSA {
		return action.IsTrap(), nil
	}
	traps, known := w.trapSlots[v.Sa]
	if known {
		return traps, nil
	}
	if traps, err = w.sas.Reader().Traps(v); err == nil {
		w.trapSlots[v.Sa] = traps
	}
	return traps, err
}

// endFlowsOfReadyGroups ends the flows of groups that end with %trap and have an SA that packets can use again: their
// packets then match the group.
func (t *Table) endFlowsOfReadyGroups() error {
	if !t.haveFlows() {
		return nil
	}
	ready, err := t.sas.ReadyTrapGroups()
	if err != nil || len(ready) == 0 {
		return err
	}
	flows, err := t.currentFlows()
	if err != nil {
		return err
	}
	var ending []eroute.Selector
	traps := make(map[uint32]bool) // by id: whether its flows end
	for _, f := range flows {
		s := abi.FlowSelector(&f.key)
		ends, known := traps[f.value.Trap]
		if !known {
			trap, found, err := t.gen.Entry(abi.TrapOf(s, f.value.TrapSrcPrefixlen, f.value.TrapDstPrefixlen))
			if err != nil {
				return err
			}
			ends = found && trap.Id == f.value.Trap && abi.ActionOf(trap) == eroute.ActionSA && ready[trap.Sa]
			traps[f.value.Trap] = ends
		}
		if ends {
			ending = append(ending, s)
		}
	}
	if len(ending) == 0 {
		return nil
	}
	return t.change(func(w *writer) error {
		for _, s := range ending {
			if err := w.endFlow(s, relaywire.Released); err != nil {
				return err
			}
		}
		return nil
	})
}
