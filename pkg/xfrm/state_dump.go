// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// States are the states of a namespace that can be used for output, or could except for an unsupported
// property.
type States map[StateKey]State

// States returns all states from one dump, for work on many Security Associations. It omits larval and
// input-only states.
func (h *Handle) States() (States, error) {
	states := States{}
	err := h.dump(request{msgType: nl.XFRM_MSG_GETSA}, nl.XFRM_MSG_NEWSA, func(msg []byte) error {
		m, err := parseState(msg)
		if err != nil {
			return err
		}
		states.add(m.State)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("dump states: %w", err)
	}
	return states, nil
}

// add adds a dumped state. Of two that differ only in their marks, it keeps the one that lookups without a mark
// find.
func (states States) add(s State) {
	switch s.Proto {
	case eroute.ProtoESP, eroute.ProtoAH, eroute.ProtoComp:
	default: // IP in IP of IPComp tunnels, Mobile IPv6
		return
	}
	if s.idle {
		return
	}
	if _, ok := states[s.StateKey]; ok && s.flaw == flawMark {
		return
	}
	states[s.StateKey] = s
}

// Find returns the state that an SAID names; a tun SAID names the tunnel-mode state with its SPI and
// destination, of any protocol. It returns ErrNoState if there is none, and ErrUnsupported if our policies
// cannot use it. Of a bundle all states must exist.
func (states States) Find(said eroute.SAID) (State, error) { return of(said, states.find) }

// find is Find for one SA.
func (states States) find(said eroute.SAID) (State, error) {
	candidates, err := keys(said)
	if err != nil {
		return State{}, err
	}
	for _, key := range candidates {
		s, ok := states[key]
		if !ok || !fits(said, s) {
			continue
		}
		if err := s.usable(); err != nil {
			return State{}, fmt.Errorf("find state of %s: %w", said, err)
		}
		return s, nil
	}
	return State{}, fmt.Errorf("find state of %s: %w", said, ErrNoState)
}

// dumpStatesTo requests a dump of the states to one destination. A dump's attributes follow the netlink header
// directly. The filter is a struct xfrm_address_filter: source, destination, family, source and destination
// prefix length.
func dumpStatesTo(dst netip.Addr) request {
	daddr := toAddress(dst)
	filter := append(make([]byte, nl.SizeofXfrmAddress), daddr[:]...)
	filter = binary.NativeEndian.AppendUint16(filter, FamilyOf(dst).af())
	filter = append(filter, 0, uint8(dst.BitLen()))
	return request{nl.XFRM_MSG_GETSA, appendAttribute(nil, nl.XFRMA_ADDRESS_FILTER, filter)}
}
