// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// xfrmView is what a command knows of XFRM. It asks the kernel for one SA at a time, as
// long as these are few, and then once for all.
type xfrmView struct {
	handle sadb                    // nil if the kernel has no XFRM
	few    int                     // SAs left that are asked for alone
	states xfrm.States             // nil: not dumped
	bound  map[uint32]xfrm.Binding // by if_id, ours only; nil: not dumped
	seen   map[abi.SAIDKey]bool    // SAs that this command has bound, or tried to
}

// newXFRMView returns a view that knows only how many states there are. To ask for one
// SA costs as much as ten to twenty states do in a dump.
func (t *Table) newXFRMView() (*xfrmView, error) {
	view := &xfrmView{handle: t.xfrm, seen: make(map[abi.SAIDKey]bool)}
	if t.xfrm == nil {
		return view, nil
	}
	states, err := t.xfrm.CountStates()
	view.few = max(16, states/16)
	return view, err
}

// viewXFRM returns a view of all that XFRM holds at this moment: two dumps, however many
// SAs there are.
func (t *Table) viewXFRM() (*xfrmView, error) {
	view := &xfrmView{handle: t.xfrm, seen: make(map[abi.SAIDKey]bool)}
	return view, view.dump()
}

func (v *xfrmView) dump() (err error) {
	if v.handle == nil {
		return nil
	}
	if v.states, err = v.handle.States(); err != nil {
		return err
	}
	v.bound, err = v.handle.Bound()
	return err
}

// find returns the state that an SAID means, with the errors of [xfrm.States.Find].
func (v *xfrmView) find(said eroute.SAID) (xfrm.State, error) {
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

// note keeps that a state has been given an if_id, so that what was dumped before is not
// believed any more.
func (v *xfrmView) note(s xfrm.State, id uint32) {
	if v.states == nil {
		return
	}
	s.IfID = id
	v.states[s.StateKey] = s
	v.bound[id] = xfrm.Binding{} // not known any more
}

// mayBeBound tells whether an if_id may have policies.
func (v *xfrmView) mayBeBound(id uint32) bool {
	_, bound := v.bound[id]
	return bound || v.handle != nil && v.bound == nil
}
