// SPDX-License-Identifier: Apache-2.0

package sas

import (
	"slices"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Traps reports whether packets of an eroute make flows, see [eroute.SAID.Traps].
func (r *Reader) Traps(v *bpf.ABIErouteValue) (bool, error) {
	if action := abi.ActionOf(v); action != eroute.ActionSA {
		return action.IsTrap(), nil
	}
	sa, err := r.At(v.Sa)
	if err != nil {
		return false, err
	}
	g := asGroup(&sa)
	return g != nil && g.Trap != 0, nil
}

// isReady reports whether packets of the SA of a slot go to XFRM, on any CPU.
func isReady(sa *bpf.ABISa) bool {
	use := bpf.ABISaUse(sa.Use)
	return use == bpf.ABISaUseSA_READY || use == bpf.ABISaUseSA_TRANSPORT
}

// allReady reports whether each packet of a group has a member that it can use. online returns the CPUs on which packets
// can be.
func allReady(members []bpf.ABISa, spread eroute.Spread, online func() ([]uint32, error)) (bool, error) {
	cpus := make(map[uint32]bool)
	for i := range members {
		switch sa := &members[i]; {
		case sa.Aside != 0:
		case isReady(sa):
			return true, nil
		case isOnCPU(sa):
			cpus[uint32(sa.Cpu)] = true
		}
	}
	if spread != eroute.SpreadCPU || len(cpus) == 0 {
		return false, nil
	}
	all, err := online()
	return err == nil && !slices.ContainsFunc(all, func(cpu uint32) bool { return !cpus[cpu] }), err
}

// ReadyTrapGroups returns the slots of the groups that end with %trap and have an SA for each packet.
func (set *Set) ReadyTrapGroups() (map[uint32]bool, error) {
	all, err := set.all()
	if err != nil {
		return nil, err
	}
	ready, slots := make(map[uint32]bool), set.Reader()
	err = set.eachGroup(all, func(v abi.SAIDValue, g *bpf.ABISaGroup, members []uint32) error {
		if g.Trap == 0 {
			return nil
		}
		all := make([]bpf.ABISa, len(members))
		for i, slot := range members {
			sa, err := slots.At(slot)
			if err != nil {
				return err
			}
			all[i] = sa
		}
		have, err := allReady(all, spreadOf(g), xfrm.OnlineCPUs)
		if have {
			ready[v.Slot] = true
		}
		return err
	})
	return ready, err
}
