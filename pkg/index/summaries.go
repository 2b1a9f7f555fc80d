// SPDX-License-Identifier: Apache-2.0

package index

import (
	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

const (
	tuplesAt      = int(bpf.ABILimitsINDEX_TUPLES_AT)
	blocksAt      = int(bpf.ABILimitsINDEX_BLOCKS_AT)
	lineSummaries = int(bpf.ABILimitsINDEX_SUMMARIES)

	// summaryLoad is the maximum number of words in a line that are used, on average.
	summaryLoad = 4
)

// summaries is a hash table of words with prefix lengths and tuples, in lines: see bpf/index.h.
type summaries struct {
	lines []line
	used  *uint32 // words
}

// summaryHashes are the hashes of the summaries of an eroute.
type summaryHashes struct {
	sum           uint64 // of the source
	source, block uint64
	near          bool // there is a summary of the source within a block of destinations
}

func summaryHashesOf(secret *abi.Secrets, s eroute.Selector) summaryHashes {
	of := summaryHashes{sum: secret.SourceSum(s.Src), near: !IsWide(s.Dst)}
	of.source = secret.Spread(of.sum)
	if of.near {
		of.block = secret.Spread(of.sum + secret.BlockSum(s.Dst.Addr(), SummaryBlock(s.Dst)))
	}
	return of
}

// room is the maximum number of words.
func (k *summaries) room() int { return summaryLoad * len(k.lines) }

func (k *summaries) isFull() bool { return int(*k.used) >= k.room() }

// add adds the bits of a length and a tuple to the summary with a hash. Summaries with the same tag share a word, and
// all that do not fit into a full line share its last word: such a summary has more bits than it should, never fewer.
// Returns errFull if there is no room.
func (k *summaries) add(h, bits uint64) error {
	line := &k.lines[below(h, len(k.lines))]
	words, tags := line[:lineSummaries], &line[lineSummaries]
	for i := range words {
		switch *tags >> (8 * i) & 0xff {
		case tagOf(h):
			words[i] |= bits
			return nil
		case 0:
			if k.isFull() {
				return errFull
			}
			words[i] = bits
			*tags |= tagOf(h) << (8 * i)
			*k.used++
			return nil
		}
	}
	words[lineSummaries-1] |= bits
	*tags |= 0xff << 56
	return nil
}
