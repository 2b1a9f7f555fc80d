// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unique"
)

// Spread is how packets are shared out among the SAs of a group.
type Spread uint8

// The spreads. The zero Spread is that of a SAID that is no group.
const (
	// SpreadFlow sends all packets of a flow (addresses, protocol, ports) to the same SA.
	SpreadFlow Spread = 1 + iota
	// SpreadFailover sends all packets to the first SA that they can use.
	SpreadFailover
	// SpreadCPU sends a packet to the SA that XFRM uses on the packet's CPU only (RFC 9611); without one, to the first
	// SA that it uses on any CPU.
	SpreadCPU
)

var spreadNames = [...]string{SpreadFlow: "flow", SpreadFailover: "failover", SpreadCPU: "cpu"}

// String returns the name of the spread as in --spread; "" for 0.
func (s Spread) String() string {
	if int(s) < len(spreadNames) {
		return spreadNames[s]
	}
	return fmt.Sprintf("spread(%d)", uint8(s))
}

// ParseSpread parses flow, failover or cpu.
func ParseSpread(text string) (Spread, error) {
	if i := slices.Index(spreadNames[1:], text); i >= 0 {
		return Spread(i + 1), nil
	}
	return 0, refuse(text, errors.New("unknown (want flow, failover or cpu)"))
}

// MaxMembers is the maximum number of SAs in a group, counting repetitions.
const MaxMembers = 64

// Group is the SAs of a SAID that names several. It is comparable; its zero value is no group.
type Group struct{ handle unique.Handle[group] }

type group struct {
	spread  Spread
	trap    bool // %trap is the last member
	after   uint32
	n       int
	members [MaxMembers]member
}

// member is the SAID of one SA, or of a bundle.
type member struct {
	proto uint8
	spi   uint32
	dst   netip.Addr
	inner Inner
}

// Errors of NewGroup.
var (
	errGroupSize   = fmt.Errorf("a group has 2 to %d SAs, or 1 to %d and %%trap", MaxMembers, MaxMembers)
	errGroupMember = errors.New("a member of a group must be an SA, the last one can be %trap")
)

// NewGroup returns the SAID of a group of SAs in the order in which failover uses them. An SA that is named several
// times gets that many times the flows of one that is named once. The last member can be [Trap].
func NewGroup(spread Spread, members ...SAID) (SAID, error) {
	least := 2
	trap := len(members) > 0 && members[len(members)-1] == Trap
	if trap {
		least, members = 1, members[:len(members)-1]
	}
	if len(members) < least || len(members) > MaxMembers {
		return SAID{}, errGroupSize
	}
	if spread == 0 || int(spread) >= len(spreadNames) {
		return SAID{}, fmt.Errorf("%s: unknown", spread)
	}
	g := group{spread: spread, trap: trap, n: len(members)}
	for i, m := range members {
		if m.IsGroup() || m.Action() != ActionSA {
			return SAID{}, fmt.Errorf("%s: %w", m, errGroupMember)
		}
		g.members[i] = member{m.Proto, m.SPI, m.Dst, m.Inner}
	}
	return SAID{Group: Group{unique.Make(g)}}, nil
}

// IsGroup reports whether the SAID names a group of SAs.
func (s SAID) IsGroup() bool { return s.Group != Group{} }

// Traps reports whether packets make flows of a trap: always, or of a group if none of its SAs can be used.
func (s SAID) Traps() bool {
	return s.Action().IsTrap() || s.IsGroup() && s.Group.handle.Value().trap
}

// Members returns the SAs of a group, in order and with repetitions; nil if the SAID is no group. It leaves %trap out.
func (s SAID) Members() []SAID {
	if !s.IsGroup() {
		return nil
	}
	g := s.Group.handle.Value()
	members := make([]SAID, g.n)
	for i, m := range g.members[:g.n] {
		members[i] = SAID{Proto: m.proto, SPI: m.spi, Dst: m.dst, Inner: m.inner}
	}
	return members
}

// SAs returns the SAs that the SAID names, each once: the members of a group, or itself. A bundle is one SA. nil for a
// magic SAID.
func (s SAID) SAs() []SAID {
	switch {
	case s.Action() != ActionSA:
		return nil
	case !s.IsGroup():
		return []SAID{s}
	}
	var sas []SAID
	for _, m := range s.Members() {
		if !slices.Contains(sas, m) {
			sas = append(sas, m)
		}
	}
	return sas
}

// Spread returns how a group's packets are shared out; 0 if the SAID is no group.
func (s SAID) Spread() Spread {
	if !s.IsGroup() {
		return 0
	}
	return s.Group.handle.Value().spread
}

// MaxReturnAfter is the maximum of [SAID.ReturnAfter].
const MaxReturnAfter = 24 * time.Hour

var errReturnAfter = fmt.Errorf("must be from 1 to %d seconds", MaxReturnAfter/time.Second)

// ReturnAfter returns the age from which an SA of a group is as good as the others: a newer one is used only if there is
// no older one. 0: at once.
func (s SAID) ReturnAfter() time.Duration {
	if !s.IsGroup() {
		return 0
	}
	return time.Duration(s.Group.handle.Value().after) * time.Second
}

// WithReturnAfter returns a group with another ReturnAfter, in whole seconds up to MaxReturnAfter.
func (s SAID) WithReturnAfter(after time.Duration) (SAID, error) {
	if after < 0 || after > MaxReturnAfter || after%time.Second != 0 {
		return SAID{}, fmt.Errorf("return after %v: %w", after, errReturnAfter)
	}
	g := s.Group.handle.Value()
	g.after = uint32(after / time.Second)
	return SAID{Group: Group{unique.Make(g)}}, nil
}

// ParseReturnAfter parses a number of seconds as [ParseNumber] does.
func ParseReturnAfter(text string) (time.Duration, error) {
	n, err := ParseNumber(text, 32)
	if err != nil {
		return 0, err
	}
	after := time.Duration(n) * time.Second
	if n == 0 || after > MaxReturnAfter {
		return 0, refuse(text, errReturnAfter)
	}
	return after, nil
}

// groupText is the text of a group: its members, separated by commas, its spread behind a slash, and the seconds of
// ReturnAfter behind another one.
func (s SAID) groupText() string {
	members := s.Members()
	if s.Traps() {
		members = append(members, Trap)
	}
	text := joinSAIDs(members) + "/" + s.Spread().String()
	if after := s.ReturnAfter(); after != 0 {
		text += fmt.Sprintf("/%d", after/time.Second)
	}
	return text
}

// joinSAIDs returns the texts of SAIDs, separated by commas.
func joinSAIDs(saids []SAID) string {
	texts := make([]string, 0, MaxMembers+1)
	for _, s := range saids {
		texts = append(texts, s.String())
	}
	return strings.Join(texts, ",")
}
