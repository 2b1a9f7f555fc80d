// SPDX-License-Identifier: Apache-2.0

// Package collisions has inputs that an attacker would choose to make keys of hash tables collide.
package collisions

import (
	"encoding/binary"
	"net/netip"
)

// Addresses returns 36 pairs of addresses. They differ from the first pair in the highest bits of a word, and in the
// bits to which a multiplication by a known number and a shift carry this difference. A hash that first XORs a secret
// and then multiplies and shifts maps 15 of the other 35 to the hash of the first, whatever the secret is.
func Addresses() (chosen [][2]netip.Addr) {
	const top, next = 1<<63 | 1<<31, 1<<62 | 1<<30
	half := [][2]uint64{{}, {1 << 63, top}, {1 << 62, next}, {1 << 62, next | top}, {3 << 62, next}, {3 << 62, next | top}}
	base := netip.MustParseAddr("2001:db8:1234:5678:9abc:def0:1357:2468").As16()
	for _, high := range half {
		for _, low := range half {
			var pair [2]netip.Addr
			for i := range pair {
				a := base
				for at, differ := range []uint64{high[i], low[i]} {
					word := binary.NativeEndian.Uint64(a[8*at:])
					binary.NativeEndian.PutUint64(a[8*at:], word^differ)
				}
				pair[i] = netip.AddrFrom16(a)
			}
			chosen = append(chosen, pair)
		}
	}
	return chosen
}
