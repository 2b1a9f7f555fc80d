// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"errors"
	"fmt"

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

// find reads the state that an SAID means, and returns it with the kernel's
// message. Returns ErrNoState if it is absent or cannot be used for output, and
// ErrUnsupported if our policies cannot use it.
func (h *Handle) find(said eroute.SAID) (State, []byte, error) {
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

// State reads the state that an SAID means. Returns ErrNoState if it is absent or
// cannot be used for output, and ErrUnsupported if our policies cannot use it.
func (h *Handle) State(said eroute.SAID) (State, error) {
	s, _, err := h.find(said)
	return s, err
}

// read gets one state by its key. Errors as those of find.
func (h *Handle) read(key StateKey) (State, []byte, error) {
	msg, err := h.get(getState(key), nl.XFRM_MSG_NEWSA)
	if errors.Is(err, unix.ESRCH) {
		return State{}, nil, h.hidden(key)
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

// hidden tells why a state was not found by its key: a state whose mark is not 0
// is in no lookup without that mark, only in dumps. Returns ErrUnsupported if
// there is such a one, else ErrNoState.
func (h *Handle) hidden(key StateKey) error {
	reason := ErrNoState
	err := h.dump(dumpStatesTo(key.Dst), nl.XFRM_MSG_NEWSA, func(msg []byte) error {
		s, err := parseState(msg)
		if err == nil && s.StateKey == key && s.flaw == flawMark {
			reason = s.usable()
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
