// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// crowd is how many SAs with the same addresses and reqid are too many: XFRM keeps them
// in one list.
const crowd = 1000

var crowdCheck = check{"crowd", "SAs have reqids of their own", lives, func(f *Facts) (found []Finding) {
	type list struct {
		src, dst netip.Addr
		reqid    uint32
	}
	sizes := make(map[list]int)
	for _, l := range f.Lives {
		sizes[list{l.Src, l.Dst, l.ReqID}]++
	}
	maps.DeleteFunc(sizes, func(_ list, n int) bool { return n < crowd })
	for _, l := range slices.SortedFunc(maps.Keys(sizes), func(a, b list) int { return sizes[b] - sizes[a] }) {
		found = append(found, Finding{
			Level: Note, Subject: l.dst.String(), Text: fmt.Sprintf("%d SAs from %s to %s have reqid %d", sizes[l], l.src, l.dst, l.reqid),
			Cost:   "XFRM goes through them whenever one is made and, before Linux 6.13, for each packet",
			Remedy: "give each a reqid of its own, as key managers do",
		})
	}
	return found
}}
