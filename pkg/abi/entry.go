// SPDX-License-Identifier: Apache-2.0

package abi

import (
	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Entry is an entry of the trie of eroutes.
type Entry struct {
	Selector eroute.Selector
	Value    bpf.ABIErouteValue
}

// NewValue returns the value of the eroute that a change adds, with the counters id; sa is the slot of its SA, 0 for a
// magic SAID.
func NewValue(c eroute.Change, id, sa uint32) bpf.ABIErouteValue {
	v := bpf.ABIErouteValue{Id: id, Sa: sa, Action: uint8(c.SAID.Action()), DstPrefixlen: uint8(c.Selector.Dst.Bits())}
	if c.Followed {
		v.Followed = 1
	}
	return v
}

// ActionOf returns what happens to packets that match an eroute.
func ActionOf(v *bpf.ABIErouteValue) eroute.Action { return eroute.Action(v.Action) }
