// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// StateKey identifies a state: IP protocol (ESP, AH or IPComp), SPI in host byte order, and destination.
type StateKey struct {
	Proto uint8
	SPI   uint32
	Dst   netip.Addr
}

// State is an XFRM state without its keys, or the last state of a bundle.
type State struct {
	StateKey
	Src   netip.Addr // may be unspecified
	Mode  Mode
	ReqID uint32
	IfID  uint32          // 0: none
	Sel   eroute.Selector // its own selector; zero: none
	Added uint64          // time of creation, in seconds since 1970

	Spent bool // its sequence numbers are used up: XFRM drops its packets, see [Usage.Spent]
	Outer Outer

	Packets, Bytes uint64 // carried so far; bytes before encapsulation

	// OneCPU means that the kernel uses it for packets on the CPU with the number CPU only (XFRMA_SA_PCPU, RFC 9611).
	OneCPU bool
	CPU    uint32

	// Inner are the families that it can carry: any for a tunnel with the flag af-unspec, else that of the
	// state's selector. Of a bundle those that all its states can carry.
	Inner Families

	// Under is the state of a bundle that processes packets before this one; nil: none. Then Inner, Spent and Added are
	// those of the bundle, the other fields are of this state.
	Under *State

	flaw flaw // why our policies cannot use it
	idle bool // larval, or input-only
}

// ProtocolName returns the name of a state's protocol, or "protocol N".
func ProtocolName(proto uint8) string {
	switch proto {
	case unix.IPPROTO_ESP:
		return "esp"
	case unix.IPPROTO_AH:
		return "ah"
	case unix.IPPROTO_COMP:
		return "comp"
	}
	return fmt.Sprintf("protocol %d", proto)
}

// String returns the key in the format of ip-xfrm(8): esp spi 0x135 dst 192.0.2.1.
func (k StateKey) String() string {
	return fmt.Sprintf("%s spi %#x dst %s", ProtocolName(k.Proto), k.SPI, k.Dst)
}

// Mode is a state's encapsulation mode: XFRM_MODE_ of linux/xfrm.h.
type Mode uint8

// The modes of Linux 6.14; newer kernels may have more.
const (
	ModeTransport         Mode = 0
	ModeTunnel            Mode = 1
	ModeRouteOptimization Mode = 2
	ModeInTrigger         Mode = 3
	ModeBEET              Mode = 4
	ModeIPTFS             Mode = 5
)

// String returns the mode's name in ip-xfrm(8).
func (m Mode) String() string {
	names := [...]string{"transport", "tunnel", "ro", "in_trigger", "beet", "iptfs"}
	if int(m) < len(names) {
		return names[m]
	}
	return fmt.Sprintf("mode %d", uint8(m))
}

// flaw is the reason why a state cannot be used through a policy with an if_id.
type flaw uint8

const (
	flawNone   flaw = iota
	flawMark        // lookups without that mark miss it
	flawPacket      // packet offload: the hardware requires the policy too
)

// HasMark reports whether only lookups with a mark other than 0 find the state.
func (s State) HasMark() bool { return s.flaw == flawMark }

// usable returns ErrNoState for a larval or input-only state, and ErrUnsupported for one that our policies
// cannot use.
func (s State) usable() error {
	switch {
	case s.idle:
		return ErrNoState
	case s.flaw == flawMark:
		return fmt.Errorf("its mark is not 0: %w", ErrUnsupported)
	case s.flaw == flawPacket:
		return fmt.Errorf("packet offload to hardware: %w", ErrUnsupported)
	}
	return nil
}

// ForAnyCPU returns ErrUnsupported if the kernel uses the state on one CPU only.
func (s State) ForAnyCPU() error {
	if s.OneCPU {
		return fmt.Errorf("%s is bound to CPU %d, which only --spread cpu can use: %w", s.StateKey, s.CPU, ErrUnsupported)
	}
	return nil
}

// carries returns ErrUnsupported if the state cannot carry all families of inner.
func (s State) carries(inner Families) error {
	if wrong := inner &^ s.Inner; wrong != 0 {
		return fmt.Errorf("%s in %s mode over %s carries %s only, not %s: %w",
			ProtocolName(s.Proto), s.Mode, FamilyOf(s.Dst), s.Inner, wrong, ErrUnsupported)
	}
	return nil
}

// template returns the template that pins the state, including its source and reqid: with source 0 the kernel
// would use the source of its route to the destination, and miss a state with another one.
func (s State) template() nl.XfrmUserTmpl {
	return nl.XfrmUserTmpl{
		XfrmId: nl.XfrmId{Daddr: toAddress(s.Dst), Spi: hton32(s.SPI), Proto: s.Proto},
		Family: FamilyOf(s.Dst).af(),
		Saddr:  toAddress(s.Src),
		Reqid:  s.ReqID,
		Mode:   uint8(s.Mode),
		Aalgos: ^uint32(0),
		Ealgos: ^uint32(0),
		Calgos: ^uint32(0),
	}
}
