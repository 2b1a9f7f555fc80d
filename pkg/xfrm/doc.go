// SPDX-License-Identifier: Apache-2.0

// Package xfrm makes the kernel's XFRM states usable by eroutes.
//
// An eroute names a Security Association by its SAID. The program on the ipsec
// device tags the packet with an if_id of our own, the kernel finds the one out
// policy that has this if_id, and the policy's template pins the state: SPI,
// destination, reqid and mode. [Handle.Bind] puts the two pieces in place: the
// if_id on the state that a key manager or ip-xfrm(8) made, and the policies.
//
// # What is ours
//
// Our policies are those with an if_id from [IfIDBase] up to IfIDBase +
// [MaxSAs], and the two per device of [Handle.AllowDevice]. No other policy is
// changed or removed, and no state but the one that was asked for.
//
// One policy pins one state: a bundle, such as IPComp inside ESP, is not supported,
// since an SAID names one state only and the kernel does not tell which others a
// key manager means to go with it.
//
// # What an update of a state does
//
// XFRM_MSG_UPDSA (net/xfrm/xfrm_user.c, xfrm_state_update in xfrm_state.c) needs
// a whole state, algorithms and keys included, and takes over from it the
// lifetime limits, the NAT-T ports, the care-of address, the output mark and the
// if_id; keys, sequence numbers and counters of the live state stay. So the state
// is read, and sent back as it came with another if_id. Keys are neither kept nor
// logged. Two effects remain: a soft expiry that has been reported is reported
// again, and an if_id can be changed but not taken away, since 0 means "leave it":
// a state without one keeps ours after [Handle.Unbind], until it is replaced.
//
// # States that are not there yet, or no more
//
// Dumps do not carry km.state, and need not. A dead state has left the hash
// tables before anybody could see it. A larval one (XFRM_STATE_ACQ, made by
// XFRM_MSG_ALLOCSPI or by the kernel with an ACQUIRE) has no algorithm: the kernel
// refuses an ESP, AH or IPComp state without one, so an absent algorithm tells
// larval from valid exactly. Larval states are never updated: UPDSA would turn
// them into valid ones.
//
// All functions work in the network namespace of the calling thread at the time
// of [Open], and need CAP_NET_ADMIN there.
package xfrm
