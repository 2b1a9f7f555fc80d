// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/ipsec-eroute/eroute/internal/cli"
)

// Options of "ipsec tncfg", in the order of the help text.
const (
	tncAttach cli.ID = iota
	tncDetach
	tncClear
	tncConfig
	tncUpgrade

	tncVirtual
	tncPhysical
	tncIngress
	tncRouted
	tncUnmatched
	tncStrict
	tncFollow

	tncJSON
	tncLabel
	tncDebug
	tncHelp
	tncVersion
)

const (
	tncActionGroup = "Actions (at most one; without an action the devices are listed)"
	tncDeviceGroup = "Interfaces"
)

var tncfgOptions = cli.Options{
	tncAttach:  {Name: "attach", Group: tncActionGroup, Help: "create an ipsec device and bind it to a physical interface"},
	tncDetach:  {Name: "detach", Group: tncActionGroup, Help: "remove an ipsec device"},
	tncClear:   {Name: "clear", Group: tncActionGroup, Help: "remove all ipsec devices"},
	tncConfig:  {Name: "config", Arg: "FILE", Group: tncActionGroup, Help: "load the table and create the devices listed in a file"},
	tncUpgrade: {Name: "upgrade", Group: tncActionGroup, Help: "replace the running programs with those of this version, without interrupting traffic"},

	tncVirtual:   {Name: "virtual", Arg: "NAME", Group: tncDeviceGroup, Help: "name of the ipsec device: ipsec0, ipsec1, ..."},
	tncPhysical:  {Name: "physical", Arg: "NAME", Repeat: true, Group: tncDeviceGroup, Help: "interface to watch: each packet that leaves through it is matched; repeatable"},
	tncIngress:   {Name: "ingress", Arg: "NAME", Repeat: true, Group: tncDeviceGroup, Help: "interface to attach the fast path to; repeatable"},
	tncRouted:    {Name: "routed", Group: tncDeviceGroup, Help: "do not watch the interface: match only packets routed into the ipsec device"},
	tncUnmatched: {Name: "unmatched", Arg: "ACTION", Group: tncDeviceGroup, Help: "packets without an eroute on the watched interface: pass (default) or drop"},
	tncStrict:    {Name: "strict", Group: tncDeviceGroup, Help: "drop packets that arrive on the watched interface in clear, if the table protects the answer"},
	tncFollow:    {Name: "follow", Group: tncDeviceGroup, Help: "keep eroutes for the outbound policies of XFRM: what they protect cannot leave in clear"},

	tncJSON:    {Name: "json", Group: cli.OtherGroup, Help: "print the listing as JSON"},
	tncLabel:   cli.LabelOption,
	tncDebug:   cli.DebugOption,
	tncHelp:    cli.HelpOption,
	tncVersion: cli.VersionOption,
}

const tncfgLong = `Creates, removes and lists ipsec devices. Each packet that leaves through the physical
interface of an ipsec device is matched against the eroute table of this network
namespace, see ipsec eroute --help: packets with an SA, %trap or %hold go to the ipsec
device, %drop and %reject end, %pass and packets without an eroute leave as they are.
No routes are necessary. What a key manager or XFRM sends, and traffic of the link itself
(neighbor discovery, DHCP), leaves as it is. Packets routed into the ipsec device are
matched as well; without an eroute they drop. The table exists independently of the
devices. A change that cuts the SSH session it is typed in prints a warning on standard
error, and then takes effect.

With --strict, a packet that arrives on the physical interface in clear is dropped if the
packet that would answer it has an SA, %trap or %hold eroute. ESP, AH and IKE to this host
and traffic of the link are not affected. A packet that arrived encrypted is dropped unless
its answer has an eroute to an SA of the same peer, or %trap or %hold.

With --follow, the table has a %xfrm eroute for each outbound XFRM policy that protects
packets, such as those of a key manager. XFRM encrypts as before; packets that NAT or a
socket takes away from the policy do not leave in clear. Policies that cannot be followed
are printed. --clear, --save and --restore concern only eroutes that commands have
written. ipsec acquire follows changes of policies; without it, ipsec eroute --sync does.

--config reads a TOML file. It first replaces the eroutes with those of the file named by
"table" (relative to the TOML file), then creates the devices that do not exist yet. It
is idempotent. Unknown keys are errors.

With no_new_clear = true, a table that sends packets in clear that are not sent in clear
now is refused, unless there are neither eroutes nor devices, as after a boot. In
/etc/eroute/eroute.toml the setting also applies to ipsec eroute --restore and --batch.`

const tncfgUsage = `  ipsec tncfg [--json]
  ipsec tncfg --attach --virtual ipsecN --physical NAME... [--ingress NAME]...
              [[--unmatched pass|drop] [--strict] [--follow] | --routed]
  ipsec tncfg --detach --virtual ipsecN
  ipsec tncfg --clear
  ipsec tncfg --config FILE
  ipsec tncfg --upgrade`

const tncfgExample = `  ipsec tncfg --attach --virtual ipsec0 --physical wan --ingress lan
  ipsec tncfg --detach --virtual ipsec0

  Create the devices of a file, as at boot; --clear removes them:
    ipsec tncfg --config /etc/eroute/eroute.toml

    table = "table"                # written by ipsec eroute --save
    [[device]]
    virtual = "ipsec0"
    physical = "wan"
    ingress = ["lan"]`

func newTncfg(c *command) *cobra.Command {
	cmd := c.cobra("tncfg", "manage ipsec devices", tncfgOptions, runTncfg)
	cmd.Long = tncfgLong
	cmd.Annotations = map[string]string{cli.UsageLines: tncfgUsage}
	cmd.Example = tncfgExample
	cmd.ValidArgsFunction = c.complete(tncfgCompleter)
	return cmd
}

var (
	tncCommonOptions = cli.MaskOf(tncLabel, tncDebug)
	tncDeviceOptions = cli.MaskOf(tncVirtual, tncPhysical, tncIngress, tncRouted, tncUnmatched, tncStrict, tncFollow)
)

var tncfgActions = cli.Actions[*command]{
	{Option: tncAttach, Takes: tncDeviceOptions, Needs: cli.MaskOf(tncVirtual, tncPhysical), Run: runAttach},
	{Option: tncDetach, Takes: cli.MaskOf(tncVirtual), Needs: cli.MaskOf(tncVirtual), Run: runDetach},
	{Option: tncClear, Run: runDetachAll},
	{Option: tncConfig, Run: runConfig},
	{Option: tncUpgrade, Run: runUpgrade},
}

func runTncfg(c *command, cmd *cobra.Command, args []string) error {
	if done, err := c.parse(cmd, tncfgOptions, args, tncHelp, tncVersion); done || err != nil {
		return err
	}
	if err := deviceNamesOf(&c.opts).check(); err != nil {
		return err
	}
	action, err := tncfgActions.Choose(&c.opts)
	if err != nil {
		return err
	}
	if action == nil {
		if err := c.opts.CheckListing(tncCommonOptions | cli.MaskOf(tncJSON)); err != nil {
			return err
		}
		return runListDevices(c)
	}
	if err := action.Check(&c.opts, tncCommonOptions); err != nil {
		return err
	}
	return action.Run(c)
}
