// SPDX-License-Identifier: Apache-2.0

package doctor

import "fmt"

var relayCheck = check{"relay", "traps can ask key managers, or have had nothing to ask", table, func(f *Facts) (found []Finding) {
	switch dropped := f.reason("trap-no-relay"); {
	case !f.Table.Relay && (dropped > 0 || f.Table.Holds+f.Table.Answered > 0):
		found = append(found, Finding{
			Level: Problem, Text: fmt.Sprintf("no relay runs, and %d packets have met traps without one", dropped),
			Cost: "traps and holds drop, rekeys are not followed", Remedy: "run ipsec acquire",
		})
	case f.Table.Relay && f.Listeners == 0:
		found = append(found, Finding{
			Level: Note, Text: "a relay runs, but no key manager listens to XFRM",
			Cost: "traps drop, unless the relay has --exec", Remedy: "start the key manager",
		})
	}
	return found
}}
