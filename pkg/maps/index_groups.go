// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"bytes"
	"errors"
	"math/bits"

	"github.com/ipsec-eroute/eroute/bpf"
)

// errIndexFull says that an entry finds no place: the index has to be made larger.
var errIndexFull = errors.New("index full")

const (
	groupSlots = int(bpf.ABILimitsINDEX_SLOTS)
	groupReach = int(bpf.ABILimitsINDEX_MAX_PROBES)

	// groupFull of groupOf slots are used on average at the most. Among a million entries none then
	// goes on by groupReach groups; once three of four slots are used, some do.
	groupFull, groupOf = 11, 16
)

// groups are the entries of one kind in an index, hashed: see struct index in bpf/abi.h. An
// entry is its key, then its value.
type groups struct {
	words   []uint64 // a group each
	entries []byte
	size    int     // of an entry
	key     int     // size of its key
	used    *uint32 // entries
}

// room is how many entries there is room for.
func (g *groups) room() int { return groupSlots * len(g.words) * groupFull / groupOf }

// below turns a hash into a number below n, as bpf/index.h does.
func below(h uint64, n int) int { return int(h >> 32 * uint64(n) >> 32) }

// tagOf is what a group's word has of the hash of an entry.
func tagOf(h uint64) uint64 { return h>>24&0x7f | 0x80 }

func (g *groups) entry(group, slot int) []byte {
	at := (group*groupSlots + slot) * g.size
	return g.entries[at : at+g.size : at+g.size]
}

// sameTags has a bit set in those bytes of a group's word that are the tag of a hash, and
// seldom in others.
func sameTags(word, h uint64) uint64 {
	const each = 0x0101010101010101
	other := word ^ tagOf(h)*each
	return (other - each) &^ other & 0x0080808080808080
}

// find returns where an entry is; steps is how many groups after its own.
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

// put returns the entry with a key, made with a value of zeros if there is none.
func (g *groups) put(h uint64, key []byte) (entry []byte, err error) {
	if group, slot, _, found := g.find(h, key); found {
		return g.entry(group, slot), nil
	}
	if int(*g.used) >= g.room() {
		return nil, errIndexFull
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
	return nil, errIndexFull
}

// drop deletes the entry with a key. Reports whether there was one.
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

// pass notes in the groups that an entry goes past that one more does, or one less. What
// has reached 255 stays there: it is then not known how many they are.
func (g *groups) pass(h uint64, steps, change int) {
	group := below(h, len(g.words))
	for range steps {
		if n := int(g.words[group] >> 56); n < 255 {
			g.words[group] = g.words[group]&^(0xff<<56) | uint64(n+change)<<56
		}
		group = (group + 1) % len(g.words)
	}
}

// each yields the entries until it is told to stop.
func (g *groups) each(yield func(entry []byte) bool) {
	for group, word := range g.words {
		for slot := range groupSlots {
			if word>>(8*slot)&0xff != 0 && !yield(g.entry(group, slot)) {
				return
			}
		}
	}
}
