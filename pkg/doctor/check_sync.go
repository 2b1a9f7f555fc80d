// SPDX-License-Identifier: Apache-2.0

package doctor

import "fmt"

var syncCheck = check{"sync", "ipsec devices match their interfaces, addresses and routes", devices, func(f *Facts) (found []Finding) {
	for _, d := range f.Devices {
		for _, differs := range d.Differences {
			finding := Finding{
				Level: Problem, Subject: d.Virtual, Text: fmt.Sprintf("%s: %s", d.Virtual, differs.Text), Cost: differs.Cost,
				Remedy: "ipsec eroute --sync, or run ipsec acquire, which follows changes automatically",
			}
			if differs.Cost == "" {
				finding.Level = Note
			}
			if differs.Missing {
				finding.Remedy = "once it exists again: " + finding.Remedy
			}
			found = append(found, finding)
		}
	}
	return found
}}
