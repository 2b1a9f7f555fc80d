// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"fmt"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// maxBundle is the maximum number of states that process one packet: IPComp, ESP, AH.
const maxBundle = 3

// of returns the state that an SAID names, as find does. Of a bundle it returns the last state, with the others in
// Under; it is absent if one of them is.
func of(said eroute.SAID, find func(eroute.SAID) (State, error)) (State, error) {
	sas := said.Bundle()
	if len(sas) < 2 {
		return find(said)
	}
	var last *State
	for _, sa := range sas {
		s, err := find(sa)
		if err == nil {
			err = s.ForAnyCPU()
		}
		if err != nil {
			return State{}, err
		}
		s = s.over(last)
		last = &s
	}
	return *last, nil
}

// over returns the state s, which processes packets of under, unless that is nil.
func (s State) over(under *State) State {
	if under != nil {
		s.Under = under
		s.Inner &= under.Inner
		s.Spent = s.Spent || under.Spent
		s.Added = max(s.Added, under.Added)
	}
	return s
}

// Bundle returns the states that process a packet, in order: those of a bundle, or the state itself.
func (s *State) Bundle() []*State {
	var all []*State
	for ; s != nil; s = s.Under {
		all = append(all, s)
	}
	slices.Reverse(all)
	return all
}

// Has reports whether the state, and those under it, have the if_id.
func (s *State) Has(ifID uint32) bool {
	return !slices.ContainsFunc(s.Bundle(), func(s *State) bool { return s.IfID != ifID })
}

// Tunnel returns the last state that is not in transport mode, whose packets have a route of their own; nil: none is.
func (s *State) Tunnel() *State {
	for ; s != nil && s.Mode == ModeTransport; s = s.Under {
	}
	return s
}

// current reads a state again. It returns ErrNoState if it has been replaced by a state of another mode, which a tun SAID
// may not match.
func (h *Handle) current(s *State) (stateMessage, error) {
	m, err := h.read(s.StateKey)
	if err == nil && m.Mode != s.Mode {
		err = ErrNoState
	}
	if err != nil {
		return m, fmt.Errorf("bind %s: %w", s.StateKey, err)
	}
	m.State = m.over(s.Under)
	return m, nil
}

// bindUnder sets the if_id of the states under s. It returns a foreign if_id that one of them had.
func (h *Handle) bindUnder(s State, ifID uint32) (prev uint32, err error) {
	for under := s.Under; under != nil; under = under.Under {
		if under.IfID == ifID {
			continue
		}
		m, err := h.current(under)
		if err == nil {
			err = h.setIfID(m.raw, ifID)
		}
		if err != nil {
			return prev, err
		}
		if !ours(m.IfID) && m.IfID != 0 {
			prev = m.IfID
		}
	}
	return prev, nil
}
