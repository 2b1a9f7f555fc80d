// SPDX-License-Identifier: Apache-2.0

package doctor

import "fmt"

var stepCheck = check{"step", "ipsec devices are in step with the interfaces that they are attached to", devices, func(f *Facts) (found []Finding) {
	for _, d := range f.Devices {
		for _, differs := range d.OutOfStep {
			finding := Finding{
				Level: Problem, Subject: d.Virtual, Text: fmt.Sprintf("%s: %s", d.Virtual, differs.Text), Cost: differs.Cost,
				Remedy: "ipsec eroute --sync, or run ipsec acquire, which follows by itself",
			}
			if differs.Cost == "" {
				finding.Level = Note
			}
			if differs.Gone {
				finding.Remedy = "when it is back: " + finding.Remedy
			}
			found = append(found, finding)
		}
	}
	return found
}}
