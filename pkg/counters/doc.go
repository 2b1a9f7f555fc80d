// SPDX-License-Identifier: Apache-2.0

// Package counters reads and resets the counters of eroutes. They are kept for each CPU, in chunks of blocks:
//
//	eroute_counters   array of maps: chunks
//	chunk             array of ChunkBlocks blocks
//	block             the counters of BlockIDs eroutes with consecutive ids, on one CPU
//
// The blocks of the first BlockIDs ids on each CPU come first, then those of the next ids.
package counters
