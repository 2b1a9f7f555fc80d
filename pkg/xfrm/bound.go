// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"fmt"

	"github.com/vishvananda/netlink/nl"
)

// Binding is what the policies of one if_id do.
type Binding struct {
	Families Families // those with a policy
	policies [len(each)]policy
}

// Pins tells whether the binding has policies for just the families in inner, and
// all of them send packets to the state: then, and if the state has the if_id, a
// Bind has nothing to do.
func (b Binding) Pins(s State, inner Families) bool {
	if b.Families != inner {
		return false
	}
	for i, family := range each {
		if inner&family != 0 && b.policies[i] != pinned(s, b.policies[i].ifID, family) {
			return false
		}
	}
	return true
}

// Bound lists the if_ids of ours that have policies, in one dump.
func (h *Handle) Bound() (map[uint32]Binding, error) {
	bound := map[uint32]Binding{}
	err := h.dump(request{msgType: nl.XFRM_MSG_GETPOLICY}, nl.XFRM_MSG_NEWPOLICY, func(msg []byte) error {
		p, out, err := parsePolicy(msg)
		if err != nil || !out || !ours(p.ifID) {
			return err
		}
		b := bound[p.ifID]
		b.Families |= p.family
		for i, family := range each {
			if family == p.family {
				b.policies[i] = p
			}
		}
		bound[p.ifID] = b
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("dump policies: %w", err)
	}
	return bound, nil
}
