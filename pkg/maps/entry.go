// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// entry is an eroute as the tries hold it.
type entry struct {
	selector eroute.Selector
	value    bpf.ABIRowValue
}

// newRowValue returns an eroute's value; sa is the slot of its SA, 0 for a magic SAID.
func newRowValue(s eroute.Selector, said eroute.SAID, id, sa uint32) bpf.ABIRowValue {
	return bpf.ABIRowValue{Id: id, Sa: sa, Action: uint8(said.Action()), DstPrefixlen: uint8(s.Dst.Bits())}
}

func rowAction(v *bpf.ABIRowValue) eroute.Action { return eroute.Action(v.Action) }
