// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"slices"
	"strconv"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/internal/tncfgargs"
)

var rootCompleter = cli.Completer[*command]{Options: rootOptions}

var tncfgCompleter = cli.Completer[*command]{
	Options: tncfgargs.Options,
	Choose:  tncfgActions.Choose,
	Common:  tncCommonOptions,
	Values: map[cli.ID]func(*command, *cli.Parsed) []string{
		tncfgargs.OptVirtual:  virtuals,
		tncfgargs.OptPhysical: interfaces,
		tncfgargs.OptIngress:  interfaces,
		tncfgargs.OptUnmatched: func(*command, *cli.Parsed) []string {
			return []string{tncfgargs.UnmatchedPass, tncfgargs.UnmatchedDrop}
		},
	},
}

var acquireCompleter = cli.Completer[*command]{Options: acquireOptions}

var doctorCompleter = cli.Completer[*command]{Options: doctorOptions}

// virtuals returns the names of the ipsec devices that can be detached, or of the first that can be attached.
func virtuals(c *command, p *cli.Parsed) (names []string) {
	all, err := c.listDevices()
	if err != nil {
		return nil
	}
	for _, a := range all {
		names = append(names, a.Virtual)
	}
	if !p.Has(tncfgargs.OptAttach) {
		return names
	}
	for i := 0; ; i++ {
		if name := "ipsec" + strconv.Itoa(i); !slices.Contains(names, name) {
			return []string{name}
		}
	}
}

// interfaces returns the interfaces that ipsec devices can be bound to, except those already on the command line.
func interfaces(c *command, p *cli.Parsed) []string {
	return slices.DeleteFunc(c.env.interfaces(), func(name string) bool {
		return tncfgargs.IsVirtual(name) || slices.Contains(p.Values(tncfgargs.OptIngress), name)
	})
}

// systemInterfaces returns the interfaces of this network namespace except the loopback.
func systemInterfaces() (names []string) {
	all, _ := net.Interfaces()
	for _, i := range all {
		if i.Flags&net.FlagLoopback == 0 {
			names = append(names, i.Name)
		}
	}
	return names
}
