// SPDX-License-Identifier: Apache-2.0

package tncfgargs

import "github.com/ipsec-eroute/eroute/internal/cli"

// Indices of [Options], in the order of the help text.
const (
	OptAttach cli.ID = iota
	OptDetach
	OptClear
	OptConfig
	OptUpgrade

	OptVirtual
	OptPhysical
	OptIngress
	OptRouted
	OptUnmatched
	OptStrict
	OptFollow

	OptJSON
	OptLabel
	OptDebug
	OptHelp
	OptVersion
)

const (
	actionGroup = "Actions (at most one; without an action the devices are listed)"
	deviceGroup = "Interfaces"
)

// Options are the options of "ipsec tncfg".
var Options = cli.Options{
	OptAttach:  {Name: "attach", Group: actionGroup, Help: "create an ipsec device and bind it to a physical interface"},
	OptDetach:  {Name: "detach", Group: actionGroup, Help: "remove an ipsec device"},
	OptClear:   {Name: "clear", Group: actionGroup, Help: "remove all ipsec devices"},
	OptConfig:  {Name: "config", Arg: "FILE", Group: actionGroup, Help: "load the table and create the devices listed in a file"},
	OptUpgrade: {Name: "upgrade", Group: actionGroup, Help: "replace the running programs with those of this version, without interrupting traffic"},

	OptVirtual:   {Name: "virtual", Arg: "NAME", Group: deviceGroup, Help: "name of the ipsec device: ipsec0, ipsec1, ..."},
	OptPhysical:  {Name: "physical", Arg: "NAME", Repeat: true, Group: deviceGroup, Help: "interface to watch: each packet that leaves through it is matched; repeatable"},
	OptIngress:   {Name: "ingress", Arg: "NAME", Repeat: true, Group: deviceGroup, Help: "interface to attach the fast path to, which drops packets before routing; repeatable"},
	OptRouted:    {Name: "routed", Group: deviceGroup, Help: "do not watch the interface: match only packets routed into the ipsec device"},
	OptUnmatched: {Name: "unmatched", Arg: "ACTION", Group: deviceGroup, Help: "packets without an eroute on the watched interface: pass (default) or drop"},
	OptStrict:    {Name: "strict", Group: deviceGroup, Help: "drop packets that arrive on the watched interface in clear, if the table protects the answer"},
	OptFollow:    {Name: "follow", Group: deviceGroup, Help: "keep an eroute for each outbound policy of XFRM: what the policies protect cannot leave in clear"},

	OptJSON:    {Name: "json", Group: cli.OtherGroup, Help: "print the listing as JSON"},
	OptLabel:   cli.LabelOption,
	OptDebug:   cli.DebugOption,
	OptHelp:    cli.HelpOption,
	OptVersion: cli.VersionOption,
}
