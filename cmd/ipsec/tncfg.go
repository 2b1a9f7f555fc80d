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
	tncActionGroup = "Actions, one at most; without one the devices are listed"
	tncDeviceGroup = "Interfaces"
)

var tncfgOptions = optionSet{
	tncAttach:  {name: "attach", group: tncActionGroup, help: "make an ipsec device and bind it to an interface"},
	tncDetach:  {name: "detach", group: tncActionGroup, help: "remove an ipsec device"},
	tncClear:   {name: "clear", group: tncActionGroup, help: "remove all ipsec devices"},
	tncConfig:  {name: "config", arg: "FILE", group: tncActionGroup, help: "fill the table and make the devices that a file names"},
	tncUpgrade: {name: "upgrade", group: tncActionGroup, help: "replace the programs that run by this version's, under traffic"},

	tncVirtual:  {name: "virtual", arg: "NAME", group: tncDeviceGroup, help: "the ipsec device: ipsec0, ipsec1 ..."},
	tncPhysical: {name: "physical", arg: "NAME", group: tncDeviceGroup, help: "the interface that %pass packets leave by"},
	tncIngress:  {name: "ingress", arg: "NAME", repeat: true, group: tncDeviceGroup, help: "an interface that gets the fast path; repeatable"},

	tncJSON:    {name: "json", group: otherGroup, help: "print the list as JSON"},
	tncLabel:   {name: "label", arg: "TEXT", group: otherGroup, help: "begin messages with TEXT"},
	tncDebug:   {name: "debug", group: otherGroup, help: "tell on standard error what is being done"},
	tncHelp:    {name: "help", group: otherGroup, help: "print this text"},
	tncVersion: {name: "version", group: otherGroup, help: "print the version"},
}

const tncfgLong = `Makes ipsec devices and lists them. What is routed into an ipsec device meets the
eroute table of this network namespace, see ipsec eroute --help. The table is there
with and without devices.

A file of --config holds what must be there. First the eroutes of its table take the
place of those that are there, then its devices are made, if they are not there. A
table's name that is not absolute is relative to the file. Unknown keys are errors.

With no_new_clear = true a table is refused by which packets are sent in clear that were
not before; not where there are neither eroutes nor devices, as after a boot. In
/etc/eroute/eroute.toml it is for ipsec eroute --restore and --batch, too.`

const tncfgUsage = `  ipsec tncfg [--json]
  ipsec tncfg --attach --virtual ipsecN --physical NAME [--ingress NAME]...
  ipsec tncfg --detach --virtual ipsecN
  ipsec tncfg --clear
  ipsec tncfg --config FILE
  ipsec tncfg --upgrade`

const tncfgExample = `  ipsec tncfg --attach --virtual ipsec0 --physical wan --ingress lan
  ip route add 10.2.0.0/16 dev ipsec0
  ipsec tncfg --detach --virtual ipsec0

  What must be there at boot, in a file; --clear takes the devices away again:
    ipsec tncfg --config /etc/eroute/eroute.toml

    table = "table"                # as ipsec eroute --save writes it
    [[device]]
    virtual = "ipsec0"
    physical = "wan"
    ingress = ["lan"]`

func newTncfg(c *command) *cobra.Command {
	cmd := c.cobra("tncfg", "make, remove and list ipsec devices", tncfgOptions, runTncfg)
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
