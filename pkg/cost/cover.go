// SPDX-License-Identifier: Apache-2.0

package cost

import "net/netip"

// cover is the set of addresses of a prefix that other prefixes cover, as a binary trie.
type cover struct {
	root netip.Prefix
	top  coverNode
}

type coverNode struct {
	full  bool
	child [2]*coverNode
}

// add adds a prefix, which contains the root or lies in it.
func (c *cover) add(p netip.Prefix) { c.top.add(p, c.root.Bits()) }

func (n *coverNode) add(p netip.Prefix, depth int) {
	if n.full {
		return
	}
	if p.Bits() <= depth {
		*n = coverNode{full: true}
		return
	}
	bit := bitOf(p.Addr(), depth)
	if n.child[bit] == nil {
		n.child[bit] = &coverNode{}
	}
	n.child[bit].add(p, depth+1)
	if other := n.child[1-bit]; n.child[bit].full && other != nil && other.full {
		*n = coverNode{full: true}
	}
}

// free returns an address of the root that no prefix covers, false if there is none.
func (c *cover) free() (netip.Addr, bool) {
	if c.top.full {
		return netip.Addr{}, false
	}
	b := c.root.Addr().AsSlice()
	depth := c.root.Bits()
	for n := &c.top; n != nil; depth++ {
		bit := 0
		if zero := n.child[0]; zero != nil && zero.full {
			bit = 1
		}
		if n.child[0] == nil && n.child[1] == nil {
			break
		}
		if bit == 1 {
			b[depth/8] |= 0x80 >> (depth % 8)
		}
		n = n.child[bit]
	}
	a, _ := netip.AddrFromSlice(b)
	return a, true
}

// bitOf returns bit n of an address; bit 0 is the most significant one.
func bitOf(a netip.Addr, n int) int {
	if a.Is4() {
		b := a.As4()
		return int(b[n/8] >> (7 - n%8) & 1)
	}
	b := a.As16()
	return int(b[n/8] >> (7 - n%8) & 1)
}
