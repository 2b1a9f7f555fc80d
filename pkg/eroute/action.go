// SPDX-License-Identifier: Apache-2.0

package eroute

import "fmt"

// Action is what an eroute does to the packets that match it. The numbers are those of enum eroute_action in
// the kernel programs.
type Action uint8

// The actions. The zero Action is invalid.
const (
	ActionSA         Action = 1 + iota // processed by a Security Association
	ActionPass                         // sent on in clear
	ActionDrop                         // dropped silently
	ActionReject                       // dropped, with a reply to the sender
	ActionHold                         // stored, not sent
	ActionTrap                         // an SA is requested from key managers, per flow
	ActionTrapSubnet                   // an SA is requested from key managers, for the whole selector
	ActionXFRM                         // left to the policies of XFRM; dropped if none matches
)

var actionNames = [...]string{
	ActionSA: "sa", ActionPass: "pass", ActionDrop: "drop", ActionReject: "reject",
	ActionHold: "hold", ActionTrap: "trap", ActionTrapSubnet: "trapsubnet",
	ActionXFRM: "xfrm",
}

// String returns the action's name: that of the magic SAID without its %, or "sa".
func (a Action) String() string {
	if a >= ActionSA && int(a) < len(actionNames) {
		return actionNames[a]
	}
	return fmt.Sprintf("action(%d)", uint8(a))
}
