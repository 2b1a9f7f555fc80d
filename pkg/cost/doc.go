// SPDX-License-Identifier: Apache-2.0

// Package cost finds the packet whose lookup is the most expensive in a table.
//
// A lookup visits the nested sources of a packet, the longest first, until one has a matching eroute. At each
// source the index probes every prefix length and tuple that the source's destinations near the packet's have.
// After [Steps] probes it falls back to the tries, which make one lookup for each tuple. So a packet is expensive
// only if it lies in many nested sources, each with destinations near it that do not match.
//
// The model counts every visited source in full, including the one that matches. It ignores effects of the hash
// seed: tags and blocks that two entries share by coincidence. [Worst.Lookups] is exact in this model, compared
// with all packets of random tables; [Worst.Time] is an estimate from the constants in time.go.
package cost
