// SPDX-License-Identifier: Apache-2.0

// Package eroute defines an eroute: a selector and the Security Association of its packets. It parses and
// prints both as ipsec_eroute(8) does, orders and compares them, and has a slow and simple reference
// implementation of the table and of the packet parser. It accesses neither kernel nor network; host names are
// looked up through the caller's [Resolver].
package eroute
