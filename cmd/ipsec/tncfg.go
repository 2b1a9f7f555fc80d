// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/internal/tncfgargs"
)

const tncfgLong = `Creates, removes and lists ipsec devices. Each packet that leaves through the physical
interface of an ipsec device is matched against the eroute table of this network
namespace, see ipsec eroute --help: packets with an SA, %xfrm, %trap or %hold go to the
ipsec device, those with %drop or %reject are dropped, those with %pass or without an
eroute leave as they are. No routes are necessary. Packets of key managers and of XFRM,
and traffic of the link itself (neighbor discovery, DHCP), also leave as they are. Packets
routed into the ipsec device are matched as well; without an eroute they are dropped. The
table exists independently of the devices. A change that cuts the SSH session it is typed
in prints a warning on standard error, and then takes effect.

With --strict, a packet that arrives on the physical interface in clear is dropped if the
packet that would answer it has an SA, %trap or %hold eroute. ESP, AH and IKE to this host
and traffic of the link are not affected. A packet that arrived encrypted is dropped unless
its answer has an eroute to an SA of the same peer, or %trap or %hold.

With --follow, the table has a %xfrm eroute for each outbound XFRM policy that protects
packets, such as those of a key manager. XFRM encrypts as before; packets that do not
match the policy because of NAT, or because of a socket that bypasses it, do not leave in
clear. Policies that cannot be followed are printed. --clear, --save and --restore concern
only eroutes that commands have written. ipsec acquire follows changes of policies;
without it, ipsec eroute --sync does.

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
	cmd := c.cobra("tncfg", "manage ipsec devices", tncfgargs.Options, runTncfg)
	cmd.Long = tncfgLong
	cmd.Annotations = map[string]string{cli.UsageLines: tncfgUsage}
	cmd.Example = tncfgExample
	cmd.ValidArgsFunction = c.complete(tncfgCompleter)
	return cmd
}

var (
	tncCommonOptions = cli.MaskOf(tncfgargs.OptLabel, tncfgargs.OptDebug)
	tncDeviceOptions = cli.MaskOf(tncfgargs.OptVirtual, tncfgargs.OptPhysical, tncfgargs.OptIngress, tncfgargs.OptRouted, tncfgargs.OptUnmatched, tncfgargs.OptStrict, tncfgargs.OptFollow)
)

var tncfgActions = cli.Actions[*command]{
	{Option: tncfgargs.OptAttach, Takes: tncDeviceOptions, Needs: cli.MaskOf(tncfgargs.OptVirtual, tncfgargs.OptPhysical), Run: runAttach},
	{Option: tncfgargs.OptDetach, Takes: cli.MaskOf(tncfgargs.OptVirtual), Needs: cli.MaskOf(tncfgargs.OptVirtual), Run: runDetach},
	{Option: tncfgargs.OptClear, Run: runDetachAll},
	{Option: tncfgargs.OptConfig, Run: runConfig},
	{Option: tncfgargs.OptUpgrade, Run: runUpgrade},
}

func runTncfg(c *command, cmd *cobra.Command, args []string) error {
	if done, err := c.parse(cmd, tncfgargs.Options, args, tncfgargs.OptHelp, tncfgargs.OptVersion); done || err != nil {
		return err
	}
	if err := tncfgargs.CheckNames(&c.opts); err != nil {
		return err
	}
	action, err := tncfgActions.Choose(&c.opts)
	if err != nil {
		return err
	}
	if action == nil {
		if err := c.opts.CheckListing(tncCommonOptions | cli.MaskOf(tncfgargs.OptJSON)); err != nil {
			return err
		}
		return runListDevices(c)
	}
	if err := action.Check(&c.opts, tncCommonOptions); err != nil {
		return err
	}
	return action.Run(c)
}
