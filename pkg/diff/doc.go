// SPDX-License-Identifier: Apache-2.0

// Package diff compares two eroute tables exactly: which packets get another verdict, as
// selectors, with a packet of each as a witness. It also proves what all packets of a
// selector get.
//
// A selector is a box: a source prefix, a destination prefix, a protocol and ports. Two
// boxes meet in a box or not at all, so sets of packets are kept as a box less other boxes,
// and everything here is set arithmetic on those; no packet is enumerated.
//
// A packet's verdict can only change where the most specific of all eroutes that match it,
// in either table, is one that was added, deleted or given another SAID. The work is
// therefore bound to the changed eroutes and to what meets them.
package diff
