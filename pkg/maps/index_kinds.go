// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

const (
	shapesAt  = int(bpf.ABILimitsINDEX_TUPLES_AT)
	blocksAt  = int(bpf.ABILimitsINDEX_BLOCKS_AT)
	lineKinds = int(bpf.ABILimitsINDEX_SUMMARIES)

	// kindLoad is how many words of a line are used on average at the most.
	kindLoad = 4
)

// kinds are words with lengths and shapes, in lines by a hash: see bpf/index.h.
type kinds struct {
	lines []line
	used  *uint32 // words
}

// kindHashes are those of the words of kinds that tell of an eroute.
type kindHashes struct {
	sum           uint64 // of its source
	source, block uint64
	near          bool // there is a word for its source in a block of destinations
}

func kindsOf(secret *abi.Secrets, s eroute.Selector) kindHashes {
	of := kindHashes{sum: secret.SourceSum(s.Src), near: !isWide(s.Dst)}
	of.source = secret.Spread(of.sum)
	if of.near {
		of.block = secret.Spread(of.sum + secret.BlockSum(s.Dst.Addr(), kindBlock(s.Dst)))
	}
	return of
}

// room is how many words there is room for.
func (k *kinds) room() int { return kindLoad * len(k.lines) }

func (k *kinds) isFull() bool { return int(*k.used) >= k.room() }

// add notes a length and a shape for what has a hash. A word is for all with the same tag, and in a line that
// is full the last one is everybody's from then on: they say too much, and never too little. Returns
// errIndexFull if all lines together hold too much.
func (k *kinds) add(h, kind uint64) error {
	line := &k.lines[below(h, len(k.lines))]
	words, tags := line[:lineKinds], &line[lineKinds]
	for i := range words {
		switch *tags >> (8 * i) & 0xff {
		case tagOf(h):
			words[i] |= kind
			return nil
		case 0:
			if k.isFull() {
				return errIndexFull
			}
			words[i] = kind
			*tags |= tagOf(h) << (8 * i)
			*k.used++
			return nil
		}
	}
	words[lineKinds-1] |= kind
	*tags |= 0xff << 56
	return nil
}
