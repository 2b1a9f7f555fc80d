// SPDX-License-Identifier: Apache-2.0

package doctor

import "fmt"

// policyCheck reports missing policies. A key manager that flushes all policies deletes them.
var policyCheck = check{"policy", "the XFRM policies of SAs and devices exist", func(f *Facts) bool { return devices(f) || sas(f) }, func(f *Facts) (found []Finding) {
	const remedy = "ipsec eroute --sync; a running ipsec acquire does this automatically"
	for _, d := range f.Devices {
		if d.Flushed {
			found = append(found, Finding{
				Level: Problem, Subject: d.Virtual, Text: fmt.Sprintf("%s: the XFRM policies that let packets reach it have been deleted", d.Virtual),
				Cost:   "policies of key managers are applied before the table",
				Remedy: remedy,
			})
		}
	}
	for _, sa := range f.SAs {
		if sa.Lost != 0 {
			found = append(found, Finding{
				Level: Problem, Subject: sa.SAID.String(), Text: fmt.Sprintf("%s: its XFRM policies for %s have been deleted", sa.SAID, sa.Lost),
				Cost:   fmt.Sprintf("packets of %d eroutes are counted as sa, but dropped by the ipsec device (TX carrier errors)", sa.Eroutes),
				Remedy: remedy,
			})
		}
	}
	return found
}}
