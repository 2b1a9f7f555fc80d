// SPDX-License-Identifier: Apache-2.0

// Package tries reads and writes the tries, which hold every eroute. Programs look packets up there unless the cache
// or an index has the result.
//
//	eroute_src4, eroute_src6      array of maps: the trie of source prefixes of each generation
//	eroute_entry4, eroute_entry6  array of maps: the trie of eroutes of each generation
//	source prefix                 the number of its eroutes by tuple, see TupleCounts
//	eroute                        its action, SA and counters
//
// A generation is a complete table. Only one is in use; another is being built or removed.
package tries
