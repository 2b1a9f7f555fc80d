// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"errors"
	"fmt"
	"net/netip"
)

// Mode is an SA's encapsulation; the numbers are the kernel's XFRM_MODE_TRANSPORT and
// XFRM_MODE_TUNNEL (include/uapi/linux/xfrm.h).
type Mode uint8

const (
	ModeTransport Mode = iota
	ModeTunnel
)

// String returns "transport" or "tunnel".
func (m Mode) String() string {
	if m == ModeTransport {
		return "transport"
	}
	return "tunnel"
}

// AcquireParams are the parameters of the SA that a trap requests from key managers.
type AcquireParams struct {
	Mode  Mode
	Proto uint8      // ProtoESP, ProtoAH or ProtoComp
	Peer  netip.Addr // zero: chosen by the key manager
	ReqID uint32     // 0: chosen by the key manager
	// Spread is SpreadFlow or SpreadCPU if a flow uses all SAs that fit it, as a group; 0: it uses the newest one. With
	// SpreadCPU an SA is also requested for each CPU with packets.
	Spread Spread
}

// DefaultAcquire requests ESP in tunnel mode, with a peer that the key manager chooses.
var DefaultAcquire = AcquireParams{Mode: ModeTunnel, Proto: ProtoESP}

// ErrBadAcquire is returned for parameters that an ACQUIRE cannot have.
var ErrBadAcquire = errors.New("invalid ACQUIRE parameters")

// Validate checks mode, protocol and spread. Returns [ErrBadAcquire].
func (a AcquireParams) Validate() error {
	if a.Mode > ModeTunnel {
		return fmt.Errorf("check mode %d: %w", a.Mode, ErrBadAcquire)
	}
	if a.Proto != ProtoESP && a.Proto != ProtoAH && a.Proto != ProtoComp {
		return fmt.Errorf("check protocol %d: %w", a.Proto, ErrBadAcquire)
	}
	if a.Spread != 0 && a.Spread != SpreadFlow && a.Spread != SpreadCPU {
		return fmt.Errorf("check spread %s: %w", a.Spread, ErrBadAcquire)
	}
	return nil
}

// ParseAcquireSpread parses the spread of the SAs of a flow: flow or cpu.
func ParseAcquireSpread(text string) (Spread, error) {
	for _, s := range []Spread{SpreadFlow, SpreadCPU} {
		if text == s.String() {
			return s, nil
		}
	}
	return 0, refuse(text, errors.New("must be flow or cpu"))
}

// ParseMode parses "tunnel" or "transport".
func ParseMode(text string) (Mode, error) {
	for _, m := range []Mode{ModeTunnel, ModeTransport} {
		if text == m.String() {
			return m, nil
		}
	}
	return 0, refuse(text, errors.New("must be tunnel or transport"))
}

// ParseAcquireProtocol parses the name of an SA's protocol: esp, ah or comp.
func ParseAcquireProtocol(text string) (uint8, error) {
	for _, p := range []uint8{ProtoESP, ProtoAH, ProtoComp} {
		if text == ProtocolName(p) {
			return p, nil
		}
	}
	return 0, refuse(text, errors.New("must be esp, ah or comp"))
}

// IsTrap reports whether packets with this action make key managers negotiate an SA.
func (a Action) IsTrap() bool { return a == ActionTrap || a == ActionTrapSubnet }
