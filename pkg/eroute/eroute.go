// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Eroute is one entry of the table.
type Eroute struct {
	Selector Selector
	SAID     SAID
	Packets  uint64        // packets that matched it since it was added or replaced
	Bytes    uint64        // length of their IP packets in bytes
	LastUsed time.Time     // when the last packet matched; zero: never
	Acquire  AcquireParams // of a trap; else zero
	Aside    uint64        // of a group: bit n is set if Members()[n] is set aside
	Followed bool          // made from a policy of XFRM, not by a command
}

// String returns the eroute's line of the listing, without line end: packet count, source, destination and
// SAID, see ipsec_eroute(5).
func (e Eroute) String() string {
	return fmt.Sprintf("%-10d %s", e.Packets, e.Rule())
}

// Rule returns the eroute's line without the packet count.
func (e Eroute) Rule() string {
	s := e.Selector
	line := fmt.Sprintf("%-18s -> %-18s => %s", end(s.Src, s.SrcPort), end(s.Dst, s.DstPort), e.SAID)
	if s.Proto != 0 {
		line += fmt.Sprintf(":%d", s.Proto)
	}
	if aside := e.SetAside(); len(aside) > 0 {
		line += fmt.Sprintf(" (aside: %s)", joinSAIDs(aside))
	}
	return line
}

// SetAside returns the members of a group that are set aside, each once.
func (e Eroute) SetAside() (aside []SAID) {
	for i, m := range e.SAID.Members() {
		if e.Aside>>i&1 != 0 && !slices.Contains(aside, m) {
			aside = append(aside, m)
		}
	}
	return aside
}

// end returns one end of a selector: addr/bits, and its port if it has one.
func end(p netip.Prefix, port uint16) string {
	switch {
	case port == 0:
		return p.String()
	case p.Addr().Is6():
		return fmt.Sprintf("[%s]:%d", p, port)
	default:
		return fmt.Sprintf("%s:%d", p, port)
	}
}
