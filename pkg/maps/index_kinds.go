// SPDX-License-Identifier: Apache-2.0

package maps

import "github.com/ipsec-eroute/eroute/bpf"

const (
	shapesAt = int(bpf.ABILimitsINDEX_SHAPES_AT)
	tagAt    = int(bpf.ABILimitsINDEX_TAG_AT)
	anyTag   = uint64(bpf.ABILimitsINDEX_ANY_TAG) << tagAt

	// kindLoad is how many words of a line are used on average at the most.
	kindLoad = 5
)

// kinds are words with lengths and shapes, in lines by a hash: see bpf/index.h.
type kinds struct {
	lines []line
	used  *uint32 // words
}

// room is how many words there is room for.
func (k *kinds) room() int { return kindLoad * len(k.lines) }

func (k *kinds) isFull() bool { return int(*k.used) >= k.room() }

// add notes a length and a shape for what has a hash. In a line that is full the last word is
// from then on everybody's: it says too much, and never too little. Returns errIndexFull if all lines
// together hold too much.
func (k *kinds) add(h, kind uint64) error {
	words := &k.lines[below(h, len(k.lines))]
	tag := (h>>49 + 1) << tagAt
	for i, w := range words {
		if w>>tagAt == tag>>tagAt {
			words[i] |= kind
			return nil
		}
		if w != 0 {
			continue
		}
		if k.isFull() {
			return errIndexFull
		}
		words[i] = tag | kind
		*k.used++
		return nil
	}
	words[len(words)-1] |= anyTag | kind
	return nil
}
