// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Bind makes the Security Association usable under ifID. It sets the if_id of the state, and installs one out
// policy for each family in inner that sends packets to this state only; it deletes policies of ifID for other
// families or another state. If everything is in place, it sends no change. The state is updated first, and a
// policy exists only while the state does: without it the kernel would create a larval state with the pinned
// SPI, which would then block the key manager.
//
// Bind returns the foreign if_id that the state had, for [Handle.Unbind]; 0 if it had none or one of ours.
//
// It returns ErrNoState if there is no such state, or it is larval; no policy of ifID is left then. It returns
// ErrUnsupported, with nothing changed, if the state has a mark other than 0, uses packet offload, or cannot carry all of inner; and ErrForeignIfID if ifID is not one of ours. After any other error,
// which wraps the kernel's errno, call Bind again or Unbind.
func (h *Handle) Bind(said eroute.SAID, ifID uint32, inner Families) (prev uint32, err error) {
	if err := checkIfID(ifID); err != nil {
		return 0, err
	}
	m, err := h.find(said)
	if err == nil {
		prev, err = h.bind(m, ifID, inner)
	}
	return prev, h.cleanUp(err, ifID)
}

// BindState is [Handle.Bind] for a state from [Handle.States]. It gives all states of a bundle the if_id before the
// policies, which have a template for each of them: XFRM drops packets if one is missing. It reads the state again only
// if its if_id or a policy must change.
func (h *Handle) BindState(s State, ifID uint32, inner Families) (prev uint32, err error) {
	if err := checkIfID(ifID); err != nil {
		return 0, err
	}
	if err := s.usable(); err != nil {
		return 0, h.cleanUp(fmt.Errorf("bind %s: %w", s.StateKey, err), ifID)
	}
	m := stateMessage{State: s}
	if s.IfID != ifID {
		if m, err = h.current(&s); err != nil {
			return 0, h.cleanUp(err, ifID)
		}
	}
	prev, err = h.bind(m, ifID, inner)
	return prev, h.cleanUp(err, ifID)
}

// bind does the work of Bind for a state that was found. It may have no message if it has the if_id already.
func (h *Handle) bind(m stateMessage, ifID uint32, inner Families) (prev uint32, err error) {
	s := m.State
	if err := s.carries(inner); err != nil {
		return 0, fmt.Errorf("bind %s: %w", s.StateKey, err)
	}
	if s.IfID != ifID {
		if err := h.setIfID(m.raw, ifID); err != nil {
			return 0, fmt.Errorf("bind %s: %w", s.StateKey, err)
		}
	}
	prev, err = h.bindUnder(s, ifID)
	if err != nil {
		return prev, err
	}
	if !ours(s.IfID) && s.IfID != 0 {
		prev = s.IfID
	}
	changed, err := h.putPolicies(s, ifID, inner)
	if changed {
		for _, part := range s.Bundle() { // it may have been deleted since
			if err == nil {
				_, err = h.read(part.StateKey)
			}
		}
	}
	if err != nil {
		return prev, fmt.Errorf("bind %s: %w", s.StateKey, err)
	}
	return prev, nil
}

// cleanUp removes the policies of ifID if err is ErrNoState, and returns err.
func (h *Handle) cleanUp(err error, ifID uint32) error {
	if !errors.Is(err, ErrNoState) {
		return err
	}
	if failed := h.deletePolicies(ifID); failed != nil {
		return failed
	}
	return err
}
