// SPDX-License-Identifier: Apache-2.0

package doctor

import "fmt"

var xdpCheck = check{"xdp", "interfaces run XDP programs in native mode", interfaces, func(f *Facts) (found []Finding) {
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
				"the fast path runs on TC, after the kernel has allocated an skb per packet",
				"detach that program and attach again, if performance matters")
		case in.Ingress && in.XDP.Program == "" && in.XDP.Native == Yes:
			note(fmt.Sprintf("%s supports XDP, but has no program", in.Name),
				"the fast path runs on TC, after the kernel has allocated an skb per packet", "attach again")
		case in.XDP.Ours && in.XDP.Generic, in.XDP.Native == No:
			note(fmt.Sprintf("the driver of %s has no native XDP support", in.Name),
				"the fast path runs after the kernel has allocated an skb per packet",
				"use an interface whose driver does, if performance matters")
		case in.XDP.Ours && in.XDP.LeftToTC != "":
			note(fmt.Sprintf("the XDP program of %s leaves all frames to TC: %s", in.Name, in.XDP.LeftToTC),
				"the fast path runs on TC, after the kernel has allocated an skb per packet: XDP does not see a VLAN tag that the driver has removed",
				"use an interface without, if performance matters")
		}
	}
	return found
}}
