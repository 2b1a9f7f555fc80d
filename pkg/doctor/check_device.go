// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// lost describes the consequence of a missing program, by hook.
var lost = map[loader.Hook]string{
	loader.HookEgress:      "packets routed into it are dropped",
	loader.HookWire:        "packets leave through it in clear, regardless of the table",
	loader.HookGuard4:      "an interface that is deleted and created again is unprotected until it is watched again",
	loader.HookGuard6:      "an interface that is deleted and created again is unprotected until it is watched again",
	loader.HookInbound:     "packets that must be encrypted can arrive in clear",
	loader.HookDetour:      "packets of transport-mode SAs are dropped",
	loader.HookXDP:         "its fast path runs on TC or not at all",
	loader.HookTC:          "its packets are matched against the table, and rejected, only on the ipsec device or where they leave",
	loader.HookSADelete:    "when an SA is deleted, XFRM drops its packets until --sync",
	loader.HookSAExhausted: "XFRM drops packets of an SA whose sequence numbers are exhausted; they are counted as sa",
}

var deviceCheck = check{"device", "all ipsec devices exist and have their programs", always, func(f *Facts) (found []Finding) {
	if len(f.Devices) == 0 {
		return []Finding{{
			Level: Note, Text: "no ipsec device is attached", Cost: "no packet is matched against the table",
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
	again := fmt.Sprintf("run ipsec tncfg --detach --virtual %s, then --attach", d.Virtual)
	up := fmt.Sprintf("ip link set %s up", d.Virtual)
	absent := "packets with an SA drop"
	if !d.Watched {
		again, up = again+", and add its routes again", up+", and add its routes again"
		absent = "its routes are removed: packets they protected may leave in clear"
	}
	if !d.Exists {
		problem(d.Virtual+" was deleted", absent, again)
		return found
	}
	if !d.Up {
		problem(d.Virtual+" is down", absent, up)
	}
	for _, a := range d.After {
		problem(fmt.Sprintf("program %s runs after the %s program on %s", a.Program, a.Hook, a.Dev),
			"what it changes or redirects is not matched again", "detach it, or attach it before the eroute program")
		found[len(found)-1].Subject = a.Dev
	}
	for _, b := range d.Before {
		level, cost := Problem, "it can drop packets or send them in clear before they are matched against the table"
		switch b.Hook {
		case loader.HookTC:
			level, cost = Note, "packets that it accepts or redirects bypass the fast path"
		case loader.HookWire: // attached last, so that it matches what others have changed
			level, cost = Note, "packets that it accepts (TCX_PASS) or redirects leave without being matched"
		}
		found = append(found, Finding{
			Level: level, Subject: b.Dev, Text: fmt.Sprintf("program %s runs before the %s program on %s", b.Program, b.Hook, b.Dev),
			Cost: cost, Remedy: "detach it, or attach it after the eroute program",
		})
	}
	for _, filter := range d.Filters {
		found = append(found, Finding{
			Level: Note, Subject: filter.Dev,
			Text:   fmt.Sprintf("tc filter %s (pref %d) runs after the wire program on %s", filter.Kind, filter.Preference, filter.Dev),
			Cost:   "packets that its actions change or redirect leave without being matched again",
			Remedy: fmt.Sprintf("if it changes or redirects packets, delete it: tc filter del dev %s egress pref %d", filter.Dev, filter.Preference),
		})
	}
	for _, hook := range d.Detached {
		if slices.Contains([]loader.Hook{loader.HookTC, loader.HookXDP, loader.HookWire, loader.HookInbound}, hook) && len(d.Differences) > 0 {
			continue // reported with its interface, see syncCheck
		}
		problem(fmt.Sprintf("the %s program of %s is detached", hook, d.Virtual), lost[hook], again)
	}
	return found
}
