// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// lost says what it costs when a hook has lost its program.
var lost = map[loader.Hook]string{
	loader.HookEgress:  "what is routed into it drops",
	loader.HookDetour:  "packets of SAs in transport mode drop",
	loader.HookXDP:     "its fast path runs on TC, or not at all",
	loader.HookTC:      "its packets meet the table only on the ipsec device, and are rejected there",
	loader.HookSAGone:  "when an SA ends, its packets drop in XFRM until --sync",
	loader.HookSASpent: "packets of an SA without sequence numbers drop in XFRM, counted as sa",
}

var deviceCheck = check{"device", "ipsec devices are there, with their programs", always, func(f *Facts) (found []Finding) {
	if len(f.Devices) == 0 {
		return []Finding{{
			Level: Note, Text: "no ipsec device is attached", Cost: "no packet meets the table",
			Remedy: "ipsec tncfg --attach --virtual ipsec0 --physical NAME",
		}}
	}
	for _, d := range f.Devices {
		found = append(found, d.judge()...)
	}
	return found
}}

func (d *Device) judge() (found []Finding) {
	problem := func(text, cost, remedy string) {
		found = append(found, Finding{Level: Problem, Subject: d.Virtual, Text: text, Cost: cost, Remedy: remedy})
	}
	again := fmt.Sprintf("ipsec tncfg --detach --virtual %s, then --attach, and its routes anew", d.Virtual)
	if !d.Exists {
		problem(d.Virtual+" was deleted", "its routes went with it: what they protected may leave in clear", again)
		return found
	}
	if !d.Up {
		problem(d.Virtual+" is down", "its routes are gone: what they protected may leave in clear",
			fmt.Sprintf("ip link set %s up, and its routes anew", d.Virtual))
	}
	for _, b := range d.Before {
		level, cost := Problem, "it may drop packets, or send them in clear, before they meet the table"
		if b.Hook == loader.HookTC {
			level, cost = Note, "packets that it accepts or redirects do not meet the fast path"
		}
		found = append(found, Finding{
			Level: level, Subject: b.Dev, Text: fmt.Sprintf("the program %s runs before the %s program on %s", b.Program, b.Hook, b.Dev),
			Cost: cost, Remedy: "detach it, or attach it after ours",
		})
	}
	for _, hook := range d.Detached {
		if slices.Contains([]loader.Hook{loader.HookTC, loader.HookXDP}, hook) && len(d.OutOfStep) > 0 {
			continue // with its interface, see stepCheck
		}
		problem(fmt.Sprintf("the %s program of %s is detached", hook, d.Virtual), lost[hook], again)
	}
	return found
}
