// SPDX-License-Identifier: Apache-2.0

package sas

import (
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// View is a command's view of XFRM. It reads single SAs from the kernel while these are few, and then dumps
// all.
type View struct {
	handle XFRM                    // nil if the kernel has no XFRM
	few    int                     // SAs that may still be read singly
	states xfrm.States             // nil: not dumped
	bound  map[uint32]xfrm.Binding // by if_id, only our own; nil: not dumped
	seen   map[abi.SAIDKey]bool    // SAs that this command has tried to bind
	byCPU  map[abi.SAIDKey]uint32  // see [Set.cpuMembers]; nil: not read

	claimed []abi.SAIDKey // SAs whose states are used by other SAIDs, see [Set.BindClaimed]
}

// NewView returns a view that has read only the number of states. Reading one SA costs as much as ten to
// twenty states in a dump.
func (set *Set) NewView() (*View, error) {
	view := &View{handle: set.xfrm, seen: make(map[abi.SAIDKey]bool)}
	if set.xfrm == nil {
		return view, nil
	}
	states, err := set.xfrm.CountStates()
	view.few = max(16, states/16)
	return view, err
}

// FullView returns a view of all of XFRM at this moment. It takes two dumps, regardless of the number of SAs.
func (set *Set) FullView() (*View, error) {
	view := &View{handle: set.xfrm, seen: make(map[abi.SAIDKey]bool)}
	return view, view.dump()
}

func (v *View) dump() (err error) {
	if v.handle == nil {
		return nil
	}
	if v.states, err = v.handle.States(); err != nil {
		return err
	}
	v.bound, err = v.handle.Bound()
	return err
}

// find returns the state that a SAID names, with the errors of [xfrm.States.Find].
func (v *View) find(said eroute.SAID) (xfrm.State, error) {
	if v.handle != nil && v.states == nil {
		if v.few--; v.few >= 0 {
			return v.handle.Find(said)
		}
		if err := v.dump(); err != nil {
			return xfrm.State{}, err
		}
	}
	return v.states.Find(said)
}

// note updates the dumps after a state has been given an if_id.
func (v *View) note(s xfrm.State, id uint32) {
	if v.states == nil {
		return
	}
	for _, part := range s.Bundle() {
		was := v.states[part.StateKey]
		was.IfID = id
		v.states[part.StateKey] = was
	}
	v.bound[id] = xfrm.Binding{} // unknown from now on
}

// mayBeBound reports whether an if_id may have policies.
func (v *View) mayBeBound(id uint32) bool {
	_, bound := v.bound[id]
	return bound || v.handle != nil && v.bound == nil
}
