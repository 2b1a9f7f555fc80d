// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"net/netip"
	"strings"
)

// exitCheck finds the interfaces past which protected packets can leave.
var exitCheck = check{"exit", "protected packets can leave only through watched interfaces", (*Facts).anyWatched, func(f *Facts) (found []Finding) {
	for _, e := range f.Exits {
		watch, is := f.unwatched(e.Dev), ""
		if watch != e.Dev {
			is = ", a member of " + e.Dev + ","
		}
		finding := Finding{
			Level: Problem, Subject: e.Dev,
			Text:   fmt.Sprintf("%s%s is not watched, but routes to %s, which eroutes protect, lead to %s", watch, is, prefixes(e.Dsts), it(e.Dev, watch)),
			Cost:   "packets that take these routes are not matched against the table and leave in clear",
			Remedy: fmt.Sprintf("watch it, too: attach %s again with --physical %s in addition; or route these destinations into it; or, on the protected side, attach with --ingress %s", f.Devices[0].Virtual, watch, e.Dev),
		}
		if e.Inside {
			finding.Level = Note
			finding.Text += ", as do the sources of these eroutes"
		}
		found = append(found, finding)
	}
	return found
}}

// it returns a pronoun for an interface if it has just been named, and else its name.
func it(name, named string) string {
	if name == named {
		return "it"
	}
	return name
}

func prefixes(all []netip.Prefix) string {
	texts := make([]string, len(all))
	for i, p := range all {
		texts[i] = p.String()
	}
	return strings.Join(texts, ", ")
}
