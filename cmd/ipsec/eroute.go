// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/spf13/cobra"
)

var (
	selectorOptions = cli.MaskOf(optEraf, optSrc, optDst, optTransportProto, optSrcPort, optDstPort)
	saidPartOptions = cli.MaskOf(optAf, optEdst, optSPI, optProto)
	saidOptions     = saidPartOptions | cli.MaskOf(optSaid)
	endOptions      = cli.MaskOf(optSrc, optDst)
	filterOptions   = cli.MaskOf(optEraf, optSrc, optDst, optSaid, optMinPackets)
	commonOptions   = cli.MaskOf(optLabel, optDebug)
)

// changeActions are the actions that change eroutes; a line of a batch is one of them.
var changeActions = cli.Actions[*command]{
	{Option: optAdd, Takes: selectorOptions | saidOptions | askOptions | cli.MaskOf(optCheck), Needs: endOptions, Run: runChange},
	{Option: optReplace, Takes: selectorOptions | saidOptions | askOptions | cli.MaskOf(optCheck), Needs: endOptions, Run: runChange},
	{Option: optDel, Takes: selectorOptions | saidOptions | cli.MaskOf(optCheck), Needs: endOptions, Run: runChange},
	{Option: optClear, Takes: cli.MaskOf(optCheck), Run: runChange},
}

var (
	erouteActions = append(slices.Clip(changeActions),
		cli.Action[*command]{Option: optBatch, Takes: cli.MaskOf(optCheck, optNoNewClear, optAssert), Run: runBatch},
		cli.Action[*command]{Option: optSave, Run: runSave},
		cli.Action[*command]{Option: optRestore, Takes: cli.MaskOf(optCheck, optNoNewClear, optAssert), Run: runRestore},
		cli.Action[*command]{Option: optDiff, Takes: cli.MaskOf(optJSON), Run: runDiff},
		cli.Action[*command]{Option: optImport, Run: runImport},
		cli.Action[*command]{Option: optLookup, Takes: selectorOptions | cli.MaskOf(optExplain, optJSON), Needs: endOptions, Run: runLookup},
		cli.Action[*command]{Option: optSync, Run: runSync},
		cli.Action[*command]{Option: optLimit, Run: runLimit},
		cli.Action[*command]{Option: optStats, Takes: cli.MaskOf(optJSON), Run: runStats},
		cli.Action[*command]{Option: optWatch, Takes: cli.MaskOf(optInterval, optJSON), Run: runWatch},
		cli.Action[*command]{Option: optMetrics, Run: runMetrics},
	)
	lookupBatchAction = cli.Action[*command]{Option: optLookup, With: cli.MaskOf(optBatch), Takes: cli.MaskOf(optExplain, optJSON), Run: runLookupBatch}
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
	if done, err := c.parse(cmd, erouteOptions, args, optHelp, optVersion); done || err != nil {
		return err
	}
	action, err := chooseEroute(&c.opts)
	if err != nil {
		return err
	}
	if action == nil {
		if err := c.opts.CheckListing(commonOptions | filterOptions | cli.MaskOf(optJSON)); err != nil {
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
	if !p.Has(optLookup) || !p.Has(optBatch) {
		return erouteActions.Choose(p)
	}
	if _, err := erouteActions.Choose(p.Without(cli.MaskOf(optBatch))); err != nil {
		return nil, err
	}
	return &lookupBatchAction, nil
}
