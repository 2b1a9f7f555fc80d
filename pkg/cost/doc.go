// SPDX-License-Identifier: Apache-2.0

// Package cost finds the packet whose lookup takes the most work in a table.
//
// A lookup visits the nested sources of a packet, the longest first, up to the first that has a matching eroute. At
// each source the index probes every prefix length and tuple that the source's destinations have near the packet's.
// After [Steps] it falls back to the tries, which make one lookup for each tuple. So only a packet that lies in many
// nested sources, each with destinations near it that do not match, costs much.
//
// The model counts a visited source as a whole, also the one that matches, and leaves out what depends on the secret
// of the hashes: tags and blocks that two entries share by chance. [Lookups] is exact for it, compared with all
// packets of random tables; [Worst.Time] is an estimate from the constants in time.go.
package cost
