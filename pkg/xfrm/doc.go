// SPDX-License-Identifier: Apache-2.0

// Package xfrm makes the kernel's XFRM states usable by eroutes.
//
// An eroute names a Security Association by its SAID. The program on the ipsec device tags the packet with one
// of our if_ids, the kernel finds the one out policy with this if_id, and the policy's template pins the state:
// SPI, destination, reqid and mode. [Handle.Bind] sets up both: the if_id of the state, which a key manager or
// ip-xfrm(8) made, and the policies.
//
// # Ownership
//
// Our policies are those with an if_id from [IfIDBase] to IfIDBase + [MaxSAs] - 1, and the two per device of
// [Handle.AllowDevice]. No other policy is changed or removed, and no state except the requested one.
//
// One policy pins one state, or those of a bundle, such as IPComp inside ESP: it has a template for each of them, and all
// have its if_id, which the kernel compares for each template (xfrm_tmpl_resolve_one, net/xfrm/xfrm_policy.c). If one is
// absent, the kernel drops the packet.
//
// # Updating a state
//
// XFRM_MSG_UPDSA (net/xfrm/xfrm_user.c, xfrm_state_update in xfrm_state.c) requires a whole state, including
// algorithms and keys. It copies from it the lifetime limits, the NAT-T ports, the care-of address, the output
// mark and the if_id; keys, sequence numbers and counters of the live state stay. So the state is read, and
// sent back unchanged except for the if_id. Keys are neither stored nor logged. Two side effects remain: a soft
// expiry that has been reported is reported again, and an if_id can be changed but not removed, since 0 means
// "unchanged". A state that had none keeps ours after [Handle.Unbind], until it is replaced.
//
// # Larval and dead states
//
// Dumps do not contain km.state, and need not. A dead state is removed from the hash tables before it is
// visible as dead. A larval state (XFRM_STATE_ACQ, made by XFRM_MSG_ALLOCSPI or by the kernel with an ACQUIRE)
// has no algorithm, and the kernel refuses an ESP, AH or IPComp state without one: a state is larval exactly if
// it has no algorithm. Larval states are never updated: UPDSA would make them valid.
//
// All functions work in the network namespace of the calling thread at the time of [Open], and need
// CAP_NET_ADMIN there.
package xfrm
