// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"slices"
	"strconv"
)

var rootCompleter = completer{options: rootOptions}

var tncfgCompleter = completer{
	options: tncfgOptions,
	choose:  tncfgActions.choose,
	common:  tncCommonOptions,
	values: map[optionID]func(*command, *parsed) []string{
		tncVirtual:  virtuals,
		tncPhysical: interfaces,
		tncIngress:  interfaces,
	},
}

var acquireCompleter = completer{options: acquireOptions}

var doctorCompleter = completer{options: doctorOptions}

// virtuals names the ipsec devices that can be detached, or the first that can be attached.
func virtuals(c *command, p *parsed) (names []string) {
	all, err := c.listDevices()
	if err != nil {
		return nil
	}
	for _, a := range all {
		names = append(names, a.Virtual)
	}
	if !p.has(tncAttach) {
		return names
	}
	for i := 0; ; i++ {
		if name := "ipsec" + strconv.Itoa(i); !slices.Contains(names, name) {
			return []string{name}
		}
	}
}

// interfaces names the interfaces that ipsec devices can be bound to, but for those that
// the line has already.
func interfaces(c *command, p *parsed) []string {
	return slices.DeleteFunc(c.env.interfaces(), func(name string) bool {
		return virtualName.MatchString(name) || slices.Contains(p.lists[tncIngress], name)
	})
}

// systemInterfaces names the interfaces of this network namespace but for the loopback.
func systemInterfaces() (names []string) {
	all, _ := net.Interfaces()
	for _, i := range all {
		if i.Flags&net.FlagLoopback == 0 {
			names = append(names, i.Name)
		}
	}
	return names
}
