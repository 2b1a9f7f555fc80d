// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// keys returns the candidates for an SAID, in order of preference: for tun a state of any protocol. It returns
// ErrNoState for a magic SAID, for protocols without states, and for a bundle, which has several states.
func keys(said eroute.SAID) ([]StateKey, error) {
	if said.IsBundle() {
		return nil, fmt.Errorf("find state of %s: %w", said, ErrNoState)
	}
	switch said.Proto {
	case eroute.ProtoESP, eroute.ProtoAH, eroute.ProtoComp:
		return []StateKey{{said.Proto, said.SPI, said.Dst}}, nil
	case eroute.ProtoTun:
		return []StateKey{
			{eroute.ProtoESP, said.SPI, said.Dst},
			{eroute.ProtoAH, said.SPI, said.Dst},
			{eroute.ProtoComp, said.SPI, said.Dst},
		}, nil
	}
	return nil, fmt.Errorf("find state of %s: %w", said, ErrNoState)
}

// fits reports whether a state found by one of the keys matches the SAID.
func fits(said eroute.SAID, s State) bool {
	return said.Proto != eroute.ProtoTun || s.Mode == ModeTunnel
}

// find is lookUp, but returns ErrUnsupported for a state with a mark.
func (h *Handle) find(said eroute.SAID) (stateMessage, error) {
	m, err := h.lookUp(said)
	if errors.Is(err, ErrNoState) {
		err = h.hidden(said, err)
	}
	return m, err
}

// lookUp reads the state that an SAID names. It returns ErrNoState if it is absent, cannot be used for output or
// has a mark other than 0, and ErrUnsupported if our policies cannot use it.
func (h *Handle) lookUp(said eroute.SAID) (stateMessage, error) {
	candidates, err := keys(said)
	if err != nil {
		return stateMessage{}, err
	}
	for _, key := range candidates {
		m, err := h.read(key)
		if err == nil && fits(said, m.State) {
			return m, nil
		}
		if err != nil && !errors.Is(err, ErrNoState) {
			return stateMessage{}, fmt.Errorf("find state of %s: %w", said, err)
		}
	}
	return stateMessage{}, fmt.Errorf("find state of %s: %w", said, ErrNoState)
}

// Find reads the state that an SAID names, at a cost independent of the number of states. It returns ErrNoState
// if it is absent, cannot be used for output or has a mark other than 0, and ErrUnsupported if our policies
// cannot use it. Of a bundle it reads all states.
func (h *Handle) Find(said eroute.SAID) (State, error) {
	return of(said, func(said eroute.SAID) (State, error) {
		m, err := h.lookUp(said)
		return m.State, err
	})
}

// State is [Handle.Find], but returns ErrUnsupported also for a state with a mark: to distinguish it from an
// absent state, the kernel iterates over all states.
func (h *Handle) State(said eroute.SAID) (State, error) {
	return of(said, func(said eroute.SAID) (State, error) {
		m, err := h.find(said)
		return m.State, err
	})
}

// read gets one state by its key. Its errors are those of lookUp.
func (h *Handle) read(key StateKey) (stateMessage, error) {
	msg, err := h.get(getState(key), nl.XFRM_MSG_NEWSA)
	if errors.Is(err, unix.ESRCH) {
		return stateMessage{}, ErrNoState
	}
	if err != nil {
		return stateMessage{}, fmt.Errorf("get state: %w", err)
	}
	m, err := parseState(msg)
	if err != nil {
		return stateMessage{}, err
	}
	return m, m.usable()
}

// hidden returns why a state was not found: one with a mark other than 0 is missed by lookups without that
// mark, but contained in dumps. It returns ErrUnsupported if there is such a state, else reason.
func (h *Handle) hidden(said eroute.SAID, reason error) error {
	candidates, err := keys(said)
	if err != nil {
		return reason
	}
	err = h.dump(dumpStatesTo(said.Dst), nl.XFRM_MSG_NEWSA, func(msg []byte) error {
		m, err := parseState(msg)
		if err == nil && slices.Contains(candidates, m.StateKey) && m.flaw == flawMark {
			if flaw := m.usable(); errors.Is(flaw, ErrUnsupported) {
				reason = fmt.Errorf("find state of %s: %w", said, flaw)
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("dump states: %w", err)
	}
	return reason
}

// getState requests one state (struct xfrm_usersa_id).
func getState(key StateKey) request {
	id := nl.XfrmUsersaId{
		Daddr:  toAddress(key.Dst),
		Spi:    hton32(key.SPI),
		Family: FamilyOf(key.Dst).af(),
		Proto:  key.Proto,
	}
	return request{nl.XFRM_MSG_GETSA, id.Serialize()}
}
