// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"math/bits"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
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

// bitmapSpec describes a bitmap of some bits, a multiple of 64.
func bitmapSpec(name string, bits uint32) *ebpf.MapSpec {
	return &ebpf.MapSpec{
		Name: name, Type: ebpf.Array, Flags: unix.BPF_F_MMAPABLE,
		KeySize: 4, ValueSize: 8, MaxEntries: bits / 64,
	}
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

// last returns the highest number that is taken if so many are taken next.
func (b *bitmap) last(count int) uint32 {
	for i, w := range b.words {
		if count -= bits.OnesCount64(^w); count <= 0 {
			return uint32(i*64 + 63)
		}
	}
	return uint32(len(b.words)*64 - 1)
}

// load takes the words of another bitmap.
func (b *bitmap) load(words []uint64) {
	copy(b.words, words)
	b.next = 0
}

func (b *bitmap) clear() {
	clear(b.words)
	b.next = 0
}
