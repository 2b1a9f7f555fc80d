// SPDX-License-Identifier: Apache-2.0

package index

import (
	"bytes"
	"errors"
	"math/bits"

	"github.com/ipsec-eroute/eroute/bpf"
)

// errFull is returned if there is no slot for an entry: the index must be built again with more room.
var errFull = errors.New("index full")

const (
	groupSlots = int(bpf.ABILimitsINDEX_SLOTS)
	groupReach = int(bpf.ABILimitsINDEX_MAX_PROBES)

	// At most groupFull of groupOf slots are used on average. Then no entry of a million is groupReach groups away
	// from its own; with three of four slots used, some are.
	groupFull, groupOf = 11, 16
)

// groups is a hash table of entries in groups of slots: see struct index in bpf/abi_index.h. An entry is its key, then its
// value.
type groups struct {
	words   []uint64 // a group each
	entries []byte
	size    int     // of an entry
	key     int     // size of its key
	used    *uint32 // entries
}

// room is the maximum number of entries.
func (g *groups) room() int { return groupSlots * len(g.words) * groupFull / groupOf }

// below maps a hash to a number below n, as bpf/index.h does.
func below(h uint64, n int) int { return int(h >> 32 * uint64(n) >> 32) }

// tagOf returns the bits of a hash that are in the word of a group.
func tagOf(h uint64) uint64 { return h>>24&0x7f | 0x80 }

func (g *groups) entry(group, slot int) []byte {
	at := (group*groupSlots + slot) * g.size
	return g.entries[at : at+g.size : at+g.size]
}

// sameTags returns a word with a bit set in the bytes of a group's word that are the tag of a hash, and rarely in
// others.
func sameTags(word, h uint64) uint64 {
	const each = 0x0101010101010101
	other := word ^ tagOf(h)*each
	return (other - each) &^ other & 0x0080808080808080
}

// find returns the position of an entry; steps is its distance in groups from its own.
func (g *groups) find(h uint64, key []byte) (group, slot, steps int, found bool) {
	group = below(h, len(g.words))
	for steps = range groupReach {
		word := g.words[group]
		for tags := sameTags(word, h); tags != 0; tags &= tags - 1 {
			slot := bits.TrailingZeros64(tags) / 8
			if bytes.Equal(g.entry(group, slot)[:g.key], key) {
				return group, slot, steps, true
			}
		}
		if word>>56 == 0 {
			break
		}
		group = (group + 1) % len(g.words)
	}
	return 0, 0, 0, false
}

// put returns the entry with a key. It adds one with a zero value if there is none.
func (g *groups) put(h uint64, key []byte) (entry []byte, err error) {
	if group, slot, _, found := g.find(h, key); found {
		return g.entry(group, slot), nil
	}
	if int(*g.used) >= g.room() {
		return nil, errFull
	}
	group := below(h, len(g.words))
	for steps := range groupReach {
		for slot := range groupSlots {
			if g.words[group]>>(8*slot)&0xff != 0 {
				continue
			}
			g.pass(h, steps, 1)
			g.words[group] |= tagOf(h) << (8 * slot)
			*g.used++
			entry = g.entry(group, slot)
			clear(entry)
			copy(entry, key)
			return entry, nil
		}
		group = (group + 1) % len(g.words)
	}
	return nil, errFull
}

// drop deletes the entry with a key and reports whether there was one.
func (g *groups) drop(h uint64, key []byte) bool {
	group, slot, steps, found := g.find(h, key)
	if !found {
		return false
	}
	g.words[group] &^= 0xff << (8 * slot)
	g.pass(h, steps, -1)
	*g.used--
	return true
}

// pass changes the counts of entries that are further away, in the groups that an entry was not put into. A count of
// 255 is sticky.
func (g *groups) pass(h uint64, steps, change int) {
	group := below(h, len(g.words))
	for range steps {
		if n := int(g.words[group] >> 56); n < 255 {
			g.words[group] = g.words[group]&^(0xff<<56) | uint64(n+change)<<56
		}
		group = (group + 1) % len(g.words)
	}
}

// each yields the entries.
func (g *groups) each(yield func(entry []byte) bool) {
	for group, word := range g.words {
		for slot := range groupSlots {
			if word>>(8*slot)&0xff != 0 && !yield(g.entry(group, slot)) {
				return
			}
		}
	}
}
