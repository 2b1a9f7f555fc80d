// SPDX-License-Identifier: Apache-2.0

package index

import (
	"math"
	"math/bits"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// summaryCount estimates how many summaries an index needs for a list of eroutes: up to two for each, fewer where they
// share sources. It is a linear counter, which counts the bits of a bitmap that stay 0 (Whang et al., A Linear-Time
// Probabilistic Counting Algorithm, 1990).
type summaryCount struct {
	secret *abi.Secrets
	bitmap []uint64 // its length is a power of 2
}

// newSummaryCount returns a counter for a number of eroutes.
func (ix *Set) newSummaryCount(eroutes int) *summaryCount {
	return &summaryCount{ix.secret, make([]uint64, 1<<bits.Len(uint(eroutes)/32))}
}

func (k *summaryCount) add(s eroute.Selector) {
	of := summaryHashesOf(k.secret, s)
	k.note(of.source)
	if of.near {
		k.note(of.block)
	}
}

// note mixes the hash again: the index needs only uniform high bits, the counter needs a uniform hash.
func (k *summaryCount) note(h uint64) {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd // as MurmurHash3 ends
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	k.bitmap[h>>6&uint64(len(k.bitmap)-1)] |= 1 << (h & 63)
}

// estimate returns the number of summaries and a sixteenth more, which is far above the error.
func (k *summaryCount) estimate() int {
	unset := 0
	for _, word := range k.bitmap {
		unset += bits.OnesCount64(^word)
	}
	all := float64(64 * len(k.bitmap))
	return int(all*math.Log(all/max(float64(unset), 1))*17/16) + 1
}
