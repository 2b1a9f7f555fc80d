// SPDX-License-Identifier: Apache-2.0

package doctor

import "fmt"

var xdpCheck = check{"xdp", "interfaces run XDP programs in their drivers", interfaces, func(f *Facts) (found []Finding) {
	for _, in := range f.Interfaces {
		if len(f.Devices) > 0 && !in.Ingress || !in.Exists {
			continue
		}
		note := func(text, cost, remedy string) {
			found = append(found, Finding{Level: Note, Subject: in.Name, Text: text, Cost: cost, Remedy: remedy})
		}
		switch {
		case in.XDP.Program != "" && !in.XDP.Ours:
			note(fmt.Sprintf("%s has another XDP program: %s", in.Name, in.XDP.Program),
				"the fast path runs on TC, after the kernel has made a packet of each frame",
				"take that program off and attach again, if the speed is needed")
		case in.Ingress && in.XDP.Program == "" && in.XDP.Native == Yes:
			note(fmt.Sprintf("%s could run an XDP program, but has none", in.Name),
				"the fast path runs on TC, after the kernel has made a packet of each frame", "attach again")
		case in.XDP.Ours && in.XDP.Generic, in.XDP.Native == No:
			note(fmt.Sprintf("the driver of %s runs no XDP programs", in.Name),
				"the fast path runs after the kernel has made a packet of each frame",
				"use an interface whose driver does, if the speed is needed")
		}
	}
	return found
}}
