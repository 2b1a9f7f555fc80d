// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Kind is what a table does with a packet.
type Kind uint8

// The kinds. The zero Kind is invalid.
const (
	Protected Kind = 1 + iota // processed by a Security Association, or left to XFRM: %xfrm
	Clear                     // sent in clear
	Dropped                   // dropped silently
	Rejected                  // dropped with an error to the sender
	Trapped                   // held until a key manager has created an SA: %trap, %trapsubnet, %hold
)

var kindNames = [...]string{Protected: "protected", Clear: "clear", Dropped: "dropped", Rejected: "rejected", Trapped: "trapped"}

// String returns the kind's name, such as "protected".
func (k Kind) String() string {
	if k >= Protected && int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// ParseKind returns the kind with this name, 0 if there is none.
func ParseKind(name string) Kind {
	for k := Protected; int(k) < len(kindNames); k++ {
		if kindNames[k] == name {
			return k
		}
	}
	return 0
}

// satisfies reports whether kind k satisfies an assertion of kind want: Dropped includes Rejected.
func (k Kind) satisfies(want Kind) bool { return k == want || want == Dropped && k == Rejected }

// KindOf returns the kind of verdict of an eroute with this SAID.
func KindOf(said eroute.SAID) Kind {
	switch said.Action() {
	case eroute.ActionSA, eroute.ActionXFRM:
		return Protected
	case eroute.ActionPass:
		return Clear
	case eroute.ActionReject:
		return Rejected
	case eroute.ActionHold, eroute.ActionTrap, eroute.ActionTrapSubnet:
		return Trapped
	}
	return Dropped
}

// Verdict is what a table does with a packet, and the SAID that decided it.
type Verdict struct {
	Kind    Kind
	SAID    eroute.SAID // of the eroute that matches; zero if there is none
	Matched bool        // whether an eroute matches
}

// String returns the SAID, or "no eroute".
func (v Verdict) String() string {
	if !v.Matched {
		return "no eroute"
	}
	return v.SAID.String()
}

// said is a SAID in compact form.
type said struct {
	dst    addr
	spi    uint32
	proto  uint8
	family uint8 // 4 or 6; 0: no destination
	inner  eroute.Inner
	group  eroute.Group
}

// none is the SAID of no eroute.
var none said

func newSAID(s eroute.SAID) said {
	packed := said{spi: s.SPI, proto: s.Proto, inner: s.Inner, group: s.Group}
	if s.Dst.IsValid() {
		packed.dst, packed.family = newAddr(s.Dst), 4
		if s.Dst.Is6() {
			packed.family = 6
		}
	}
	return packed
}

func (s said) unpack() eroute.SAID {
	u := eroute.SAID{Proto: s.proto, SPI: s.spi, Inner: s.inner, Group: s.group}
	if s.family != 0 {
		u.Dst = s.dst.netip(s.family == 6)
	}
	return u
}

// Peer reports whether packets that are protected before and after a change go to the same peer.
type Peer uint8

// The values of Peer. All other changes have the zero Peer.
const (
	SamePeer Peer = 1 + iota
	OtherPeer
)

// Class is a kind of change of a packet's verdict.
type Class struct {
	From, To Kind
	Peer     Peer // only from protected to protected
}

// String returns the class as it is printed, such as "protected -> other peer".
func (c Class) String() string {
	switch c.Peer {
	case SamePeer:
		return "protected -> other SA"
	case OtherPeer:
		return "protected -> other peer"
	}
	return fmt.Sprintf("%v -> %v", c.From, c.To)
}

// OpensClear reports whether the change newly sends packets in clear.
func (c Class) OpensClear() bool { return c.To == Clear }

// classOf returns the class of a change. Returns the zero Class if the verdict does not change.
func classOf(from, to Verdict) Class {
	switch {
	case from.Kind != to.Kind:
		return Class{From: from.Kind, To: to.Kind}
	case from.Kind != Protected || from.SAID == to.SAID:
		return Class{}
	case slices.Equal(peers(from.SAID), peers(to.SAID)):
		return Class{Protected, Protected, SamePeer}
	}
	return Class{Protected, Protected, OtherPeer}
}

// peers returns the destinations of the SAs that a SAID names, in order and each once. That of a %trap in a group, which a
// key manager selects, is the zero address.
func peers(s eroute.SAID) (all []netip.Addr) {
	for _, sa := range s.SAs() {
		all = append(all, sa.Dst)
	}
	if s.Traps() {
		all = append(all, netip.Addr{})
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

// rank sorts classes by importance: first those that open clear text, then packets that an SA protected.
func (c Class) rank() int {
	rank := 8*int(c.From) + int(c.To)
	switch {
	case c.OpensClear():
		return rank
	case c.Peer == OtherPeer:
		return 100
	case c.Peer == SamePeer:
		return 200
	case c.From == Clear:
		return 400 + rank
	}
	return 100 + rank
}
