// SPDX-License-Identifier: Apache-2.0

package doctor

import "fmt"

// Following is how the table follows the policies of XFRM.
type Following struct {
	Behind int      // eroutes that differ from the policies
	Left   []string // policies, and why not all of their packets have an eroute
}

// followCheck finds policies of XFRM whose packets have no eroute although the table follows them.
var followCheck = check{"follow", "the table follows the policies of XFRM", func(f *Facts) bool { return f.Following != nil }, func(f *Facts) (found []Finding) {
	switch {
	case f.Following.Behind > 0:
		found = append(found, Finding{
			Level: Problem, Text: fmt.Sprintf("%d eroutes differ from the policies of XFRM", f.Following.Behind),
			Cost:   "packets of new policies can leave in clear, and packets of deleted ones drop",
			Remedy: "run ipsec acquire, or ipsec eroute --sync",
		})
	case !f.Table.Relay && f.Listeners > 0:
		found = append(found, Finding{
			Level: Note, Text: "ipsec acquire is not running: the table follows policies of XFRM only when a command runs",
			Cost:   "packets of new policies can leave in clear, and packets of deleted ones drop",
			Remedy: "run ipsec acquire",
		})
	}
	const cost = "if a socket or NAT keeps packets from the policy, they can leave in clear"
	const remedy = "write eroutes for these packets: %xfrm, and %pass for those that are to leave in clear"
	left := f.Following.Left
	for _, l := range left[:min(len(left), maxExamples)] {
		found = append(found, Finding{Level: Problem, Text: "not all packets have an eroute: " + l, Cost: cost, Remedy: remedy})
	}
	if more := len(left) - maxExamples; more > 0 {
		found = append(found, Finding{Level: Problem, Text: fmt.Sprintf("%d more policies have packets without an eroute", more), Cost: cost, Remedy: remedy})
	}
	return found
}}
