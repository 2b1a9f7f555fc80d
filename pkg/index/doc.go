// SPDX-License-Identifier: Apache-2.0

// Package index builds the index of the eroutes of one address family: hash tables in pinned maps, which programs read
// instead of the tries. bpf/index.h has the algorithm, struct index in bpf/abi_index.h the layout.
//
//	eroute_index   array of maps: chunks, for each generation and family up to maxChunks
//	chunk          array of chunkLines lines of 64 bytes, which are mapped into memory one behind the other
//	line 0         struct index: where the parts are
//	filter         bits of the prefix lengths of sources and destinations, by block
//	summaries      bits of the prefix lengths and tuples of a source, alone and within a block of destinations
//	entries        groups of 7 slots, each an eroute's key and value
//
// An index is written in memory while packets use the tries. If it cannot be built, lookups fall back to the tries.
package index
