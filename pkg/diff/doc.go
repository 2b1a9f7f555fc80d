// SPDX-License-Identifier: Apache-2.0

// Package diff compares two eroute tables exactly: it returns the packets whose verdict changes, as selectors,
// with a packet of each as a witness. It also proves assertions about all packets of a selector.
//
// A selector is a box: a source prefix, a destination prefix, a protocol and ports. The intersection of two boxes
// is a box or empty, so a set of packets is represented as a box minus other boxes, and all operations are set
// arithmetic; no packet is enumerated.
//
// A packet's verdict can change only where the most specific eroute that matches it, in either table, was added,
// deleted or given another SAID. The work is therefore proportional to the changed eroutes and those that
// intersect them.
package diff
