// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

var saCheck = check{"sa", "eroutes have their SAs", sas, func(f *Facts) (found []Finding) {
	for _, sa := range f.SAs {
		problem := func(text, cost, remedy string) {
			found = append(found, Finding{Level: Problem, Subject: sa.SAID.String(), Text: text, Cost: cost, Remedy: remedy})
		}
		packets := fmt.Sprintf("packets of %d eroutes drop, counted as sa-missing", sa.Eroutes)
		switch {
		case errors.Is(sa.Problem, xfrm.ErrNoState) && sa.Moved.IsValid():
			problem(fmt.Sprintf("%s does not exist: a key manager has moved it to %s", sa.SAID, sa.Moved), packets,
				"ipsec eroute --replace with the SAID that it has now; eroutes of a %trap follow by themselves")
		case errors.Is(sa.Problem, xfrm.ErrNoState):
			problem(fmt.Sprintf("%s does not exist", sa.SAID), packets, "make it, with a key manager or ip xfrm state, then ipsec eroute --sync")
		case sa.Problem != nil:
			problem(fmt.Sprintf("%s cannot be used: %v", sa.SAID, sa.Problem), packets, "make it another way")
		case !sa.Usable:
			problem(fmt.Sprintf("%s exists, but eroutes do not use it yet", sa.SAID), packets, "ipsec eroute --sync")
		case sa.Spent != "":
			problem(fmt.Sprintf("%s takes no more packets: %s", sa.SAID, sa.Spent),
				fmt.Sprintf("packets of %d eroutes drop", sa.Eroutes), "rekey it: see why the key manager has not")
		}
	}
	return found
}}
