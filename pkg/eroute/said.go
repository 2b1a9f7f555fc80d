// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"fmt"
	"net/netip"
)

// IP protocol numbers (IANA) that have a meaning in an eroute or a SAID.
const (
	ProtoTun  = 4   // IP in IP; in a SAID any tunnel-mode SA
	ProtoTCP  = 6   // TCP
	ProtoUDP  = 17  // UDP
	ProtoESP  = 50  // ESP
	ProtoAH   = 51  // AH
	ProtoComp = 108 // IPComp

	protoMagic = 61 // IPPROTO_INT of KLIPS, "any host internal protocol"
)

// minSPI is the lowest SPI of a Security Association: RFC 4303 reserves lower ones.
const minSPI = 0x100

// SAID names a Security Association by protocol, SPI (host byte order) and effective destination, is one of the
// magic SAIDs, which have no destination, names a bundle of SAs, or names a group of SAs. It is comparable.
type SAID struct {
	Proto uint8
	SPI   uint32
	Dst   netip.Addr
	Inner Inner // of a bundle; the other fields are those of its last SA
	Group Group // if set, the other fields are not
}

// The magic SAIDs ("shunts"), see ipsec_eroute(5).
var (
	Pass       = SAID{Proto: protoMagic, SPI: 0x100}
	Drop       = SAID{Proto: protoMagic, SPI: 0x101}
	Reject     = SAID{Proto: protoMagic, SPI: 0x102}
	Hold       = SAID{Proto: protoMagic, SPI: 0x103}
	Trap       = SAID{Proto: protoMagic, SPI: 0x104}
	TrapSubnet = SAID{Proto: protoMagic, SPI: 0x105}
	XFRM       = SAID{Proto: protoMagic, SPI: 0x106} // not in KLIPS
)

// Action returns the action of the SAID, or 0 if the SAID is not valid.
func (s SAID) Action() Action {
	switch s {
	case Pass:
		return ActionPass
	case Drop:
		return ActionDrop
	case Reject:
		return ActionReject
	case Hold:
		return ActionHold
	case Trap:
		return ActionTrap
	case TrapSubnet:
		return ActionTrapSubnet
	case XFRM:
		return ActionXFRM
	}
	if s.IsGroup() {
		return ActionSA
	}
	if ProtocolName(s.Proto) == "" || s.SPI < minSPI || !s.Dst.IsValid() || s.Dst.Zone() != "" || !s.Inner.fits(s.Proto) {
		return 0
	}
	return ActionSA
}

// Validate returns [ErrBadSAID] unless the SAID is magic, or has a protocol of this package, an SPI from 0x100
// and a destination without zone, or is a bundle or a group.
func (s SAID) Validate() error {
	if s.Action() == 0 {
		return fmt.Errorf("check SAID %s: %w", s, ErrBadSAID)
	}
	return nil
}

// String returns the text that [ParseSAID] accepts, as in the listing: tun0x135@192.0.2.1, tun0x145@3049:1::2,
// %hold; of a bundle comp0x100@192.0.2.1+esp0x135@192.0.2.1; of a group
// tun0x135@192.0.2.1,tun0x136@192.0.2.1/flow.
func (s SAID) String() string {
	if s.IsGroup() {
		return s.groupText()
	}
	switch action := s.Action(); action {
	case 0:
		return fmt.Sprintf("proto%d:0x%x@%s", s.Proto, s.SPI, s.Dst)
	case ActionSA:
		return s.bundleText()
	default:
		return "%" + action.String()
	}
}

// ProtocolName returns the name of a protocol in SAIDs: tun, esp, ah or comp; "" for others.
func ProtocolName(proto uint8) string {
	switch proto {
	case ProtoTun:
		return "tun"
	case ProtoESP:
		return "esp"
	case ProtoAH:
		return "ah"
	case ProtoComp:
		return "comp"
	}
	return ""
}
