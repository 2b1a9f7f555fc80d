// SPDX-License-Identifier: Apache-2.0

package sas

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// fillCells shares cells out among the members of a group: each member gets the same number, plus or minus one, and most
// cells of a member stay with it when another one comes or goes. Returns the index of each cell's member. The number of
// cells is the greatest prime up to most.
//
// This is the table of Maglev (Eisenbud and others, NSDI 2016, section 3.4): each member has a random order of all cells,
// and the members take turns in taking the next cell of their order that is free.
func fillCells(members []eroute.SAID, most int) []int {
	n := most
	for !big.NewInt(int64(n)).ProbablyPrime(0) { // exact below 2^64
		n--
	}
	cells := make([]int, n)
	for i := range cells {
		cells[i] = -1
	}
	orders := make([]order, len(members))
	named := make(map[eroute.SAID]int)
	for i, m := range members {
		orders[i] = newOrder(m, named[m], n)
		named[m]++
	}
	for filled := 0; ; {
		for i := range orders {
			at := orders[i].take(cells)
			cells[at] = i
			if filled++; filled == n {
				return cells
			}
		}
	}
}

// order is a member's order of the cells. step and the number of cells have no common factor, so all have their turn.
type order struct{ next, step int }

// newOrder returns the order of an SA that is named for the nth time, counted from 0.
func newOrder(said eroute.SAID, nth, cells int) order {
	sum := sha256.Sum256([]byte(fmt.Sprintf("%s %d", said, nth)))
	offset, step := binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])
	return order{int(offset % uint64(cells)), int(step%uint64(cells-1)) + 1}
}

// take returns the next free cell of the order.
func (o *order) take(cells []int) int {
	for {
		at := o.next
		o.next = (o.next + o.step) % len(cells)
		if cells[at] < 0 {
			return at
		}
	}
}
