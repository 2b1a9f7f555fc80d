// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"math/bits"

	"github.com/cilium/ebpf"
)

// errNoSlot says that every slot of a bitmap is taken.
var errNoSlot = errors.New("no slot left")

// bitmap hands small numbers out; it lives in a memory mapped array, so that what one
// command takes the next one sees.
type bitmap struct {
	*shared[uint64]
	words []uint64
	next  int // where to look first
}

func openBitmap(m *ebpf.Map) (*bitmap, error) {
	mem, err := openShared[uint64](m, false)
	if err != nil {
		return nil, err
	}
	return &bitmap{shared: mem, words: mem.all}, nil
}

// take returns the lowest free slot's number and marks it taken.
func (b *bitmap) take() (uint32, error) {
	for range len(b.words) {
		if free := bits.TrailingZeros64(^b.words[b.next]); free < 64 {
			b.words[b.next] |= 1 << free
			return uint32(b.next*64 + free), nil
		}
		b.next = (b.next + 1) % len(b.words)
	}
	return 0, errNoSlot
}

func (b *bitmap) set(n uint32) { b.words[n/64] |= 1 << (n % 64) }

func (b *bitmap) free(n uint32) {
	b.words[n/64] &^= 1 << (n % 64)
	b.next = min(b.next, int(n/64))
}

// inUse counts the slots taken from first on; both are multiples of 64.
func (b *bitmap) inUse(first, count uint32) (n uint32) {
	for _, w := range b.words[first/64 : (first+count)/64] {
		n += uint32(bits.OnesCount64(w))
	}
	return n
}

func (b *bitmap) clear() {
	clear(b.words)
	b.next = 0
}
