// SPDX-License-Identifier: Apache-2.0

package doctor

import "fmt"

var settingsCheck = check{"settings", "the settings made by attach are unchanged", devices, func(f *Facts) (found []Finding) {
	for _, d := range f.Devices {
		for _, changed := range d.Drift {
			found = append(found, Finding{
				Level: Problem, Subject: d.Virtual, Text: fmt.Sprintf("%s: %s", d.Virtual, changed),
				Cost:   "senders of rejected packets receive no ICMP error, or policies of key managers are applied before the table",
				Remedy: fmt.Sprintf("restore it, or run ipsec tncfg --detach --virtual %s, then --attach", d.Virtual),
			})
		}
	}
	return found
}}
