// SPDX-License-Identifier: Apache-2.0

package doctor

import "fmt"

var relayCheck = check{"relay", "ACQUIREs of traps reach key managers", table, func(f *Facts) (found []Finding) {
	switch dropped := f.reason("trap-no-relay"); {
	case !f.Table.Relay && (dropped > 0 || f.Table.Holds+f.Table.Answered > 0):
		found = append(found, Finding{
			Level: Problem, Text: fmt.Sprintf("no relay is running; %d packets matched traps without one", dropped),
			Cost: "packets that match traps and holds are dropped; rekeys are not followed", Remedy: "run ipsec acquire",
		})
	case f.Table.Relay && f.Listeners == 0:
		found = append(found, Finding{
			Level: Note, Text: "a relay is running, but no key manager listens for ACQUIREs",
			Cost: "packets that match traps are dropped, unless the relay has --exec", Remedy: "start the key manager",
		})
	}
	return found
}}
