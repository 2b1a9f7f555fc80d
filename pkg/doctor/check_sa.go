// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

var saCheck = check{"sa", "all SAs that eroutes name exist", sas, func(f *Facts) (found []Finding) {
	for _, sa := range f.SAs {
		problem := func(text, cost, remedy string) {
			found = append(found, Finding{Level: Problem, Subject: sa.SAID.String(), Text: text, Cost: cost, Remedy: remedy})
		}
		packets := fmt.Sprintf("packets of %d eroutes are dropped, counted as sa-missing", sa.Eroutes)
		switch {
		case errors.Is(sa.Problem, xfrm.ErrNoState) && sa.Moved.IsValid():
			problem(fmt.Sprintf("%s does not exist: a key manager has moved it to %s", sa.SAID, sa.Moved), packets,
				"ipsec eroute --replace with its new SAID; flows of a %trap are updated automatically")
		case errors.Is(sa.Problem, xfrm.ErrNoState) && sa.SAID.IsBundle():
			problem(fmt.Sprintf("of the bundle %s, %s does not exist", sa.SAID, strings.Join(sa.Absent, " and ")), packets,
				"add it with a key manager or ip xfrm state, then run ipsec eroute --sync")
		case errors.Is(sa.Problem, xfrm.ErrNoState):
			problem(fmt.Sprintf("%s does not exist", sa.SAID), packets, "add it with a key manager or ip xfrm state, then run ipsec eroute --sync")
		case sa.Problem != nil:
			problem(fmt.Sprintf("%s cannot be used: %v", sa.SAID, sa.Problem), packets, "recreate it without what is not supported")
		case !sa.Usable && f.userOf(sa.SAID) != nil:
			problem(fmt.Sprintf("%s cannot be used: %s uses a state of it, and a state in a bundle cannot have a second SAID", sa.SAID, f.userOf(sa.SAID)),
				packets, "use one of both in all eroutes")
		case !sa.Usable:
			problem(fmt.Sprintf("%s exists, but is not bound to its eroutes yet", sa.SAID), packets, "ipsec eroute --sync")
		case sa.Spent != "":
			problem(fmt.Sprintf("%s accepts no more packets: %s", sa.SAID, sa.Spent),
				fmt.Sprintf("packets of %d eroutes are dropped", sa.Eroutes), "rekey it: check why the key manager has not")
		case sa.OneCPU && sa.Others:
			problem(fmt.Sprintf("eroutes other than groups by CPU do not use %s: its state is bound to a CPU", sa.SAID),
				"packets of other groups go to their other SAs; of eroutes without other SAs they are dropped, counted as sa-missing",
				"use --spread cpu, or an SA that is bound to no CPU")
		}
		if sa.Aside {
			found = append(found, Finding{
				Level: Note, Subject: sa.SAID.String(), Text: fmt.Sprintf("%s is set aside", sa.SAID),
				Cost: "groups do not use it: their packets go to their other SAs, or are dropped if they have none", Remedy: "ipsec eroute --put-back " + sa.SAID.String(),
			})
		}
	}
	return found
}}

// userOf returns the SAID that uses a state which a SAID names, too; nil: there is none.
func (f *Facts) userOf(said eroute.SAID) *eroute.SAID {
	i := slices.IndexFunc(f.SAs, func(sa SA) bool { return sa.Takes(said) })
	if i < 0 {
		return nil
	}
	return &f.SAs[i].SAID
}
