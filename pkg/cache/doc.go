// SPDX-License-Identifier: Apache-2.0

// Package cache makes the maps of the caches. Only programs read and write the entries: bpf/cache.h has the algorithm
// and the layout.
//
//	eroute_cache4, eroute_cache6      array of maps: chunks, as many as the number of eroutes requires
//	eroute_fpcache4, eroute_fpcache6  the same, of the fast path
package cache
