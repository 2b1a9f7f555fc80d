// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/spf13/cobra"
)

var (
	selectorOptions = cli.MaskOf(OptEraf, OptSrc, OptDst, OptTransportProto, OptSrcPort, OptDstPort)
	saidPartOptions = cli.MaskOf(OptAf, OptEdst, OptSPI, OptProto)
	saidOptions     = saidPartOptions | cli.MaskOf(OptSAID)
	endOptions      = cli.MaskOf(OptSrc, OptDst)
	filterOptions   = cli.MaskOf(OptEraf, OptSrc, OptDst, OptSAID, OptMinPackets)
	commonOptions   = cli.MaskOf(OptLabel, OptDebug)
)

// changeActions are the actions that change eroutes; a line of a batch is one of them.
var changeActions = cli.Actions[*command]{
	{Option: OptAdd, Takes: selectorOptions | saidOptions | askOptions | cli.MaskOf(OptCheck), Needs: endOptions, Run: runChange},
	{Option: OptReplace, Takes: selectorOptions | saidOptions | askOptions | cli.MaskOf(OptCheck), Needs: endOptions, Run: runChange},
	{Option: OptDel, Takes: selectorOptions | saidOptions | cli.MaskOf(OptCheck), Needs: endOptions, Run: runChange},
	{Option: OptClear, Takes: cli.MaskOf(OptCheck), Run: runChange},
}

var (
	erouteActions = append(slices.Clip(changeActions),
		cli.Action[*command]{Option: OptBatch, Takes: cli.MaskOf(OptCheck, OptNoNewClear, OptAssert), Run: runBatch},
		cli.Action[*command]{Option: OptSave, Run: runSave},
		cli.Action[*command]{Option: OptRestore, Takes: cli.MaskOf(OptCheck, OptNoNewClear, OptAssert), Run: runRestore},
		cli.Action[*command]{Option: OptDiff, Takes: cli.MaskOf(OptJSON), Run: runDiff},
		cli.Action[*command]{Option: OptImport, Run: runImport},
		cli.Action[*command]{Option: OptLookup, Takes: selectorOptions | cli.MaskOf(OptExplain, OptJSON), Needs: endOptions, Run: runLookup},
		cli.Action[*command]{Option: OptSync, Run: runSync},
		cli.Action[*command]{Option: OptLimit, Run: runLimit},
		cli.Action[*command]{Option: OptStats, Takes: cli.MaskOf(OptJSON), Run: runStats},
		cli.Action[*command]{Option: OptWatch, Takes: cli.MaskOf(OptInterval, OptJSON), Run: runWatch},
		cli.Action[*command]{Option: OptMetrics, Run: runMetrics},
	)
	lookupBatchAction = cli.Action[*command]{Option: OptLookup, With: cli.MaskOf(OptBatch), Takes: cli.MaskOf(OptExplain, OptJSON), Run: runLookupBatch}
)

func newEroute(c *command) *cobra.Command {
	cmd := c.cobra("eroute", "manage the eroute table", erouteOptions, runEroute)
	cmd.Long = erouteLong
	cmd.Annotations = map[string]string{cli.UsageLines: erouteUsage}
	cmd.Example = erouteExample
	cmd.ValidArgsFunction = c.complete(erouteCompleter)
	return cmd
}

func runEroute(c *command, cmd *cobra.Command, args []string) error {
	if done, err := c.parse(cmd, erouteOptions, args, OptHelp, OptVersion); done || err != nil {
		return err
	}
	action, err := chooseEroute(&c.opts)
	if err != nil {
		return err
	}
	if action == nil {
		if err := c.opts.CheckListing(commonOptions | filterOptions | cli.MaskOf(OptJSON)); err != nil {
			return err
		}
		return runList(c)
	}
	if err := checkEroute(action, &c.opts, commonOptions); err != nil {
		return err
	}
	return action.Run(c)
}

// chooseEroute chooses the action. --batch together with --lookup is not an action: it names the packets to look
// up.
func chooseEroute(p *cli.Parsed) (*cli.Action[*command], error) {
	if !p.Has(OptLookup) || !p.Has(OptBatch) {
		return erouteActions.Choose(p)
	}
	if _, err := erouteActions.Choose(p.Without(cli.MaskOf(OptBatch))); err != nil {
		return nil, err
	}
	return &lookupBatchAction, nil
}
