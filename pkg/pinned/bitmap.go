// SPDX-License-Identifier: Apache-2.0

package pinned

import (
	"errors"
	"math/bits"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// errNoSlot is returned if all bits of a bitmap are set.
var errNoSlot = errors.New("no slot left")

// Bitmap allocates small numbers. It is a memory-mapped array, which persists between commands.
type Bitmap struct {
	*Shared[uint64]
	Words []uint64
	next  int // index of the first word that may have a free bit
}

// BitmapSpec describes a bitmap; bits must be a multiple of 64.
func BitmapSpec(name string, bits uint32) *ebpf.MapSpec {
	return &ebpf.MapSpec{
		Name: name, Type: ebpf.Array, Flags: unix.BPF_F_MMAPABLE,
		KeySize: 4, ValueSize: 8, MaxEntries: bits / 64,
	}
}

// OpenBitmap maps a bitmap that is opened for writing.
func OpenBitmap(m *ebpf.Map) (*Bitmap, error) {
	mem, err := OpenShared[uint64](m, false)
	if err != nil {
		return nil, err
	}
	return &Bitmap{Shared: mem, Words: mem.All}, nil
}

// Take allocates the lowest free number.
func (b *Bitmap) Take() (uint32, error) {
	for range len(b.Words) {
		if free := bits.TrailingZeros64(^b.Words[b.next]); free < 64 {
			b.Words[b.next] |= 1 << free
			return uint32(b.next*64 + free), nil
		}
		b.next = (b.next + 1) % len(b.Words)
	}
	return 0, errNoSlot
}

// TakeRun allocates n consecutive numbers, and returns the first, a multiple of n. n is a power of 2 up to 64.
func (b *Bitmap) TakeRun(n int) (uint32, error) {
	for b.next < len(b.Words)-1 && b.Words[b.next] == ^uint64(0) {
		b.next++
	}
	run := ^uint64(0) >> (64 - n)
	for i := b.next; i < len(b.Words); i++ {
		for w, at := b.Words[i], 0; at < 64; at += n {
			if w>>at&run == 0 {
				b.Words[i] |= run << at
				return uint32(i*64 + at), nil
			}
		}
	}
	return 0, errNoSlot
}

// SetRun marks n consecutive numbers as taken.
func (b *Bitmap) SetRun(first uint32, n int) {
	for i := range n {
		b.Set(first + uint32(i))
	}
}

// FreeRun releases n consecutive numbers. Idempotent.
func (b *Bitmap) FreeRun(first uint32, n int) {
	for i := range n {
		b.Free(first + uint32(i))
	}
}

// Set marks a number as taken.
func (b *Bitmap) Set(n uint32) { b.Words[n/64] |= 1 << (n % 64) }

// Free releases a number. Idempotent.
func (b *Bitmap) Free(n uint32) {
	b.Words[n/64] &^= 1 << (n % 64)
	b.next = min(b.next, int(n/64))
}

// Last returns an upper bound of the next count numbers that Take returns.
func (b *Bitmap) Last(count int) uint32 {
	for i, w := range b.Words {
		if count -= bits.OnesCount64(^w); count <= 0 {
			return uint32(i*64 + 63)
		}
	}
	return uint32(len(b.Words)*64 - 1)
}

// Load replaces all words.
func (b *Bitmap) Load(words []uint64) {
	copy(b.Words, words)
	b.next = 0
}

// Clear releases all numbers.
func (b *Bitmap) Clear() {
	clear(b.Words)
	b.next = 0
}
