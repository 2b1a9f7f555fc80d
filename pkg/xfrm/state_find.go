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

// keys returns the states that an SAID can mean, the first choice first: for tun
// a state of any protocol. Returns ErrNoState for a magic SAID and for protocols
// that have no states.
func keys(said eroute.SAID) ([]StateKey, error) {
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

// fits tells whether a state found by one of the keys is what the SAID means.
func fits(said eroute.SAID, s State) bool {
	return said.Proto != eroute.ProtoTun || s.Mode == ModeTunnel
}

// find is lookUp, but says of a state with a mark that it is not supported.
func (h *Handle) find(said eroute.SAID) (State, []byte, error) {
	s, msg, err := h.lookUp(said)
	if errors.Is(err, ErrNoState) {
		err = h.hidden(said, err)
	}
	return s, msg, err
}

// lookUp reads the state that an SAID means, and returns it with the kernel's
// message. Returns ErrNoState if it is absent, cannot be used for output or has a
// mark that is not 0, and ErrUnsupported if our policies cannot use it.
func (h *Handle) lookUp(said eroute.SAID) (State, []byte, error) {
	candidates, err := keys(said)
	if err != nil {
		return State{}, nil, err
	}
	for _, key := range candidates {
		s, msg, err := h.read(key)
		if err == nil && fits(said, s) {
			return s, msg, nil
		}
		if err != nil && !errors.Is(err, ErrNoState) {
			return State{}, nil, fmt.Errorf("find state of %s: %w", said, err)
		}
	}
	return State{}, nil, fmt.Errorf("find state of %s: %w", said, ErrNoState)
}

// Find reads the state that an SAID means, at a cost that does not depend on how many
// states there are. Returns ErrNoState if it is absent, cannot be used for output or has a
// mark that is not 0, and ErrUnsupported if our policies cannot use it.
func (h *Handle) Find(said eroute.SAID) (State, error) {
	s, _, err := h.lookUp(said)
	return s, err
}

// State is [Handle.Find], but returns ErrUnsupported for a state with a mark, too: to
// tell it from none, the kernel goes through all states.
func (h *Handle) State(said eroute.SAID) (State, error) {
	s, _, err := h.find(said)
	return s, err
}

// read gets one state by its key. Errors as those of lookUp.
func (h *Handle) read(key StateKey) (State, []byte, error) {
	msg, err := h.get(getState(key), nl.XFRM_MSG_NEWSA)
	if errors.Is(err, unix.ESRCH) {
		return State{}, nil, ErrNoState
	}
	if err != nil {
		return State{}, nil, fmt.Errorf("get state: %w", err)
	}
	s, err := parseState(msg)
	if err != nil {
		return State{}, nil, err
	}
	return s, msg, s.usable()
}

// hidden tells why a state was not found: one whose mark is not 0 is in no lookup
// without that mark, only in dumps. Returns ErrUnsupported if there is such a one, else
// what was the error so far.
func (h *Handle) hidden(said eroute.SAID, reason error) error {
	candidates, err := keys(said)
	if err != nil {
		return reason
	}
	err = h.dump(dumpStatesTo(said.Dst), nl.XFRM_MSG_NEWSA, func(msg []byte) error {
		s, err := parseState(msg)
		if err == nil && slices.Contains(candidates, s.StateKey) && s.flaw == flawMark {
			if flaw := s.usable(); errors.Is(flaw, ErrUnsupported) {
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

// getState asks for one state (struct xfrm_usersa_id).
func getState(key StateKey) request {
	id := nl.XfrmUsersaId{
		Daddr:  toAddress(key.Dst),
		Spi:    hton32(key.SPI),
		Family: FamilyOf(key.Dst).af(),
		Proto:  key.Proto,
	}
	return request{nl.XFRM_MSG_GETSA, id.Serialize()}
}
