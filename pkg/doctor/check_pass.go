// SPDX-License-Identifier: Apache-2.0

package doctor

import "fmt"

var passCheck = check{"pass", "the copied routes for %pass packets are up to date", devices, func(f *Facts) (found []Finding) {
	for _, d := range f.Devices {
		for _, stale := range []struct {
			is      bool
			version int
		}{{d.Stale4, 4}, {d.Stale6, 6}} {
			if stale.is && f.into(stale.version) {
				found = append(found, Finding{
					Level: Problem, Subject: d.Virtual,
					Text:   fmt.Sprintf("IPv%d routes through %s have changed since they were copied for %%pass packets", stale.version, d.Physical),
					Cost:   "%pass packets are dropped or follow the old routes",
					Remedy: "ipsec eroute --sync",
				})
			}
		}
	}
	return found
}}
