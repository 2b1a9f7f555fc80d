// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/maps"
)

var offloadCheck = check{"offload", "no offload interferes", interfaces, func(f *Facts) (found []Finding) {
	lostMerged := f.reason("hold-not-stored")
	for _, in := range f.Interfaces {
		if in.LRO {
			found = append(found, Finding{
				Level: Problem, Subject: in.Name, Text: fmt.Sprintf("%s merges packets in hardware (LRO)", in.Name),
				Cost:   "merged packets cannot be forwarded unchanged",
				Remedy: fmt.Sprintf("ethtool -K %s lro off", in.Name),
			})
		}
		if in.Ingress && in.GRO && lostMerged > 0 {
			found = append(found, Finding{
				Level: Note, Subject: in.Name, Text: fmt.Sprintf("%s merges packets (GRO), and holds could not keep %d packets", in.Name, lostMerged),
				Cost:   "a hold does not keep merged packets: they are lost unless the sender retransmits them",
				Remedy: fmt.Sprintf("ethtool -K %s gro off, if that is a problem", in.Name),
			})
		}
	}
	return found
}}

// reason returns the number of packets counted under a reason.
func (f *Facts) reason(name string) uint64 {
	if f.Table == nil {
		return 0
	}
	i := slices.IndexFunc(f.Table.Reasons, func(r maps.ReasonCount) bool { return r.Name == name })
	if i < 0 {
		return 0
	}
	return f.Table.Reasons[i].Packets
}
