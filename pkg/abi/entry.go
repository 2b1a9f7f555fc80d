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

// NewValue returns the value of an eroute with the counters id; sa is the slot of its SA, 0 for a magic SAID.
func NewValue(s eroute.Selector, said eroute.SAID, id, sa uint32) bpf.ABIErouteValue {
	return bpf.ABIErouteValue{Id: id, Sa: sa, Action: uint8(said.Action()), DstPrefixlen: uint8(s.Dst.Bits())}
}

// Follows marks the value of an eroute that is made from a policy of XFRM.
func Follows(v bpf.ABIErouteValue, followed bool) bpf.ABIErouteValue {
	v.Followed = 0
	if followed {
		v.Followed = 1
	}
	return v
}

// ActionOf returns what happens to packets that match an eroute.
func ActionOf(v *bpf.ABIErouteValue) eroute.Action { return eroute.Action(v.Action) }
