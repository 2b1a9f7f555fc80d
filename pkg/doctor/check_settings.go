// SPDX-License-Identifier: Apache-2.0

package doctor

import "fmt"

var settingCheck = check{"setting", "ipsec devices are set up as attach left them", devices, func(f *Facts) (found []Finding) {
	for _, d := range f.Devices {
		for _, changed := range d.Unsettled {
			found = append(found, Finding{
				Level: Problem, Subject: d.Virtual, Text: fmt.Sprintf("%s: %s", d.Virtual, changed),
				Cost:   "rejected packets get no answer, or policies of key managers act before the table",
				Remedy: fmt.Sprintf("set it back, or ipsec tncfg --detach --virtual %s, then --attach", d.Virtual),
			})
		}
	}
	return found
}}
