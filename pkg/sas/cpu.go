// SPDX-License-Identifier: Apache-2.0

package sas

import (
	"fmt"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// XFRM uses a state that is bound to a CPU for packets on this CPU only. Only groups by CPU use such states: other
// eroutes would lose the packets of the other CPUs. The programs drop packets of such an SA outside a group by CPU.

// stateOf returns the state that a SAID names, with the errors of [xfrm.States.Find], and xfrm.ErrUnsupported for a
// state that is bound to a CPU if no group by CPU has the SAID.
func (set *Set) stateOf(key abi.SAIDKey, view *View) (xfrm.State, error) {
	s, err := view.find(key.SAID())
	if err != nil || !s.OneCPU {
		return s, err
	}
	members, err := set.cpuMembers(view)
	if err != nil {
		return s, err
	}
	if _, grouped := members[key]; !grouped {
		return s, fmt.Errorf("bind %s: %w", key.SAID(), s.ForAnyCPU())
	}
	return s, nil
}

// cpuMembers is [Set.CPUMembers] at the start of a command, with 0 references for members of groups that the command adds.
func (set *Set) cpuMembers(view *View) (members map[abi.SAIDKey]uint32, err error) {
	if view.byCPU == nil {
		view.byCPU, err = set.CPUMembers()
	}
	return view.byCPU, err
}

// CPUMembers returns the SAs that are members of groups by CPU, with the number of references of these groups.
func (set *Set) CPUMembers() (map[abi.SAIDKey]uint32, error) {
	all, err := set.all()
	if err != nil {
		return nil, err
	}
	members, slots := make(map[abi.SAIDKey]uint32), set.Reader()
	err = set.eachGroup(all, func(v abi.SAIDValue, g *bpf.ABISaGroup, _ []uint32) error {
		if spreadOf(g) != eroute.SpreadCPU {
			return nil
		}
		said, err := slots.SAIDAt(v.Slot)
		for _, sa := range said.SAs() {
			members[abi.NewSAIDKey(sa)] += min(v.Refs4, 1) + min(v.Refs6, 1)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return members, nil
}

// noteCPUMembers notes that a group will be added. If it is one by CPU, its members can have states that are bound to
// a CPU from now on.
func (set *Set) noteCPUMembers(group eroute.SAID, view *View) error {
	if group.Spread() != eroute.SpreadCPU {
		return nil
	}
	members, err := set.cpuMembers(view)
	if err != nil {
		return err
	}
	for _, sa := range group.SAs() {
		key := abi.NewSAIDKey(sa)
		if _, known := members[key]; !known {
			members[key] = 0
			delete(view.seen, key)
		}
	}
	return nil
}

// checkCPU returns xfrm.ErrUnsupported for an SA of a group by CPU that is bound to a CPU, if other eroutes name it,
// too: their packets go to other SAs of their group, or drop.
func (set *Set) checkCPU(key abi.SAIDKey, v abi.SAIDValue, view *View) error {
	s, err := view.find(key.SAID())
	if err != nil || !s.OneCPU {
		return err
	}
	members, err := set.cpuMembers(view)
	if err != nil || v.Refs4+v.Refs6 <= members[key] {
		return err
	}
	return fmt.Errorf("eroutes other than groups by CPU do not use %s: %w", key.SAID(), s.ForAnyCPU())
}

// isOnCPU reports whether packets of the SA of a slot go to XFRM, on one CPU only.
func isOnCPU(sa *bpf.ABISa) bool {
	use := bpf.ABISaUse(sa.Use)
	return use == bpf.ABISaUseSA_CPU || use == bpf.ABISaUseSA_CPU_TRANSPORT
}

// passes reports whether packets of the SA of a slot go to XFRM, on any CPU or on one.
func passes(sa *bpf.ABISa) bool { return isReady(sa) || isOnCPU(sa) }
