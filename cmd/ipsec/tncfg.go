// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/spf13/cobra"

// Options of "ipsec tncfg", in the order of the help text.
const (
	tncAttach optionID = iota
	tncDetach
	tncClear
	tncConfig
	tncUpgrade

	tncVirtual
	tncPhysical
	tncIngress

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

var tncfgOptions = optionSet{
	tncAttach:  {name: "attach", group: tncActionGroup, help: "create an ipsec device and bind it to a physical interface"},
	tncDetach:  {name: "detach", group: tncActionGroup, help: "remove an ipsec device"},
	tncClear:   {name: "clear", group: tncActionGroup, help: "remove all ipsec devices"},
	tncConfig:  {name: "config", arg: "FILE", group: tncActionGroup, help: "load the table and create the devices listed in a file"},
	tncUpgrade: {name: "upgrade", group: tncActionGroup, help: "replace the running programs with those of this version, without interrupting traffic"},

	tncVirtual:  {name: "virtual", arg: "NAME", group: tncDeviceGroup, help: "name of the ipsec device: ipsec0, ipsec1, ..."},
	tncPhysical: {name: "physical", arg: "NAME", group: tncDeviceGroup, help: "interface through which %pass packets leave"},
	tncIngress:  {name: "ingress", arg: "NAME", repeat: true, group: tncDeviceGroup, help: "interface to attach the fast path to; repeatable"},

	tncJSON:    {name: "json", group: otherGroup, help: "print the listing as JSON"},
	tncLabel:   labelOption,
	tncDebug:   debugOption,
	tncHelp:    helpOption,
	tncVersion: versionOption,
}

const tncfgLong = `Creates, removes and lists ipsec devices. Packets routed into an ipsec device are matched
against the eroute table of this network namespace, see ipsec eroute --help. The table
exists independently of the devices.

--config reads a TOML file. It first replaces the eroutes with those of the file named by
"table" (relative to the TOML file), then creates the devices that do not exist yet. It
is idempotent. Unknown keys are errors.

With no_new_clear = true, a table that sends packets in clear that are not sent in clear
now is refused, unless there are neither eroutes nor devices, as after a boot. In
/etc/eroute/eroute.toml the setting also applies to ipsec eroute --restore and --batch.`

const tncfgUsage = `  ipsec tncfg [--json]
  ipsec tncfg --attach --virtual ipsecN --physical NAME [--ingress NAME]...
  ipsec tncfg --detach --virtual ipsecN
  ipsec tncfg --clear
  ipsec tncfg --config FILE
  ipsec tncfg --upgrade`

const tncfgExample = `  ipsec tncfg --attach --virtual ipsec0 --physical wan --ingress lan
  ip route add 10.2.0.0/16 dev ipsec0
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
	cmd.Annotations = map[string]string{usageLines: tncfgUsage}
	cmd.Example = tncfgExample
	cmd.ValidArgsFunction = c.complete(tncfgCompleter)
	return cmd
}

var (
	tncCommonOptions = maskOf(tncLabel, tncDebug)
	tncDeviceOptions = maskOf(tncVirtual, tncPhysical, tncIngress)
)

var tncfgActions = actionSet{
	{option: tncAttach, takes: tncDeviceOptions, needs: maskOf(tncVirtual, tncPhysical), run: runAttach},
	{option: tncDetach, takes: maskOf(tncVirtual), needs: maskOf(tncVirtual), run: runDetach},
	{option: tncClear, run: runDetachAll},
	{option: tncConfig, run: runConfig},
	{option: tncUpgrade, run: runUpgrade},
}

func runTncfg(c *command, cmd *cobra.Command, args []string) error {
	if done, err := c.parse(cmd, tncfgOptions, args, tncHelp, tncVersion); done || err != nil {
		return err
	}
	if err := c.opts.deviceNames().check(); err != nil {
		return err
	}
	action, err := tncfgActions.choose(&c.opts)
	if err != nil {
		return err
	}
	if action == nil {
		if err := c.opts.checkListing(tncCommonOptions | maskOf(tncJSON)); err != nil {
			return err
		}
		return runListDevices(c)
	}
	if err := action.check(&c.opts, tncCommonOptions); err != nil {
		return err
	}
	return action.run(c)
}
