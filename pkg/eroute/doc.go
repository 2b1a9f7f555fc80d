// SPDX-License-Identifier: Apache-2.0

// Package eroute holds what an eroute is: a selector and the Security
// Association its packets go to. It parses and prints both as ipsec_eroute(8)
// does, orders and compares them, and has a slow, obvious reference for the
// table and for the packet parser. It touches neither kernel nor network; host
// names are looked up through a [Resolver] that the caller gives.
package eroute
