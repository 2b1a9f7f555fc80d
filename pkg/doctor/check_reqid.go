// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// maxSameReqID is the number of SAs with the same addresses and reqid from which lookups are slow: XFRM keeps them
// in one list.
const maxSameReqID = 1000

var sameReqIDCheck = check{"reqid", "each reqid has few SAs", usages, func(f *Facts) (found []Finding) {
	type list struct {
		src, dst netip.Addr
		reqid    uint32
	}
	sizes := make(map[list]int)
	for _, u := range f.Usages {
		sizes[list{u.Src, u.Dst, u.ReqID}]++
	}
	maps.DeleteFunc(sizes, func(_ list, n int) bool { return n < maxSameReqID })
	for _, l := range slices.SortedFunc(maps.Keys(sizes), func(a, b list) int { return sizes[b] - sizes[a] }) {
		found = append(found, Finding{
			Level: Note, Subject: l.dst.String(), Text: fmt.Sprintf("%d SAs from %s to %s have the same reqid %d", sizes[l], l.src, l.dst, l.reqid),
			Cost:   "XFRM searches all of them whenever one is added and, before Linux 6.13, for each packet",
			Remedy: "use a different reqid for each, as key managers do",
		})
	}
	return found
}}
