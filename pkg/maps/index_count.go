// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"math"
	"math/bits"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// kindCount estimates how many words of kinds an index needs for some eroutes: a few where they share their
// sources, up to two for each where they do not. It counts linearly, by the bits of a bitmap that stay 0
// (Whang et al., A Linear-Time Probabilistic Counting Algorithm, 1990).
type kindCount struct {
	secret *abi.Secrets
	bitmap []uint64 // a power of 2
}

// newKindCount makes one for so many eroutes.
func (ix *indexes) newKindCount(eroutes int) *kindCount {
	return &kindCount{ix.secret, make([]uint64, 1<<bits.Len(uint(eroutes)/32))}
}

func (k *kindCount) add(s eroute.Selector) {
	of := kindsOf(k.secret, s)
	k.note(of.source)
	if of.near {
		k.note(of.block)
	}
}

// note mixes the hash again: the index needs it spread by its highest bits only, counting needs it random.
func (k *kindCount) note(h uint64) {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd // as MurmurHash3 ends
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	k.bitmap[h>>6&uint64(len(k.bitmap)-1)] |= 1 << (h & 63)
}

// estimate returns how many words that is, and a sixteenth more: it errs by far less.
func (k *kindCount) estimate() int {
	unset := 0
	for _, word := range k.bitmap {
		unset += bits.OnesCount64(^word)
	}
	all := float64(64 * len(k.bitmap))
	return int(all*math.Log(all/max(float64(unset), 1))*17/16) + 1
}
