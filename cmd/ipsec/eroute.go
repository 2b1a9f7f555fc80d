// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"

	"github.com/spf13/cobra"
)

var (
	selectorOptions = maskOf(optEraf, optSrc, optDst, optTransportProto, optSrcPort, optDstPort)
	saidPartOptions = maskOf(optAf, optEdst, optSPI, optProto)
	saidOptions     = saidPartOptions | maskOf(optSaid)
	endOptions      = maskOf(optSrc, optDst)
	filterOptions   = maskOf(optEraf, optSrc, optDst, optSaid, optMinPackets)
	commonOptions   = maskOf(optLabel, optDebug)
)

// changeActions change eroutes; a line of a batch is one of them.
var changeActions = actionSet{
	{option: optAdd, takes: selectorOptions | saidOptions | askOptions | maskOf(optCheck), needs: endOptions, run: runChange},
	{option: optReplace, takes: selectorOptions | saidOptions | askOptions | maskOf(optCheck), needs: endOptions, run: runChange},
	{option: optDel, takes: selectorOptions | saidOptions | maskOf(optCheck), needs: endOptions, run: runChange},
	{option: optClear, takes: maskOf(optCheck), run: runChange},
}

var (
	erouteActions = append(slices.Clip(changeActions),
		action{option: optBatch, takes: maskOf(optCheck, optNoNewClear, optAssert), run: runBatch},
		action{option: optSave, run: runSave},
		action{option: optRestore, takes: maskOf(optCheck, optNoNewClear, optAssert), run: runRestore},
		action{option: optDiff, takes: maskOf(optJSON), run: runDiff},
		action{option: optImport, run: runImport},
		action{option: optLookup, takes: selectorOptions | maskOf(optExplain, optJSON), needs: endOptions, run: runLookup},
		action{option: optSync, run: runSync},
		action{option: optLimit, run: runLimit},
		action{option: optStats, takes: maskOf(optJSON), run: runStats},
		action{option: optWatch, takes: maskOf(optInterval, optJSON), run: runWatch},
		action{option: optMetrics, run: runMetrics},
	)
	lookupBatchAction = action{option: optLookup, with: maskOf(optBatch), takes: maskOf(optExplain, optJSON), run: runLookupBatch}
)

func newEroute(c *command) *cobra.Command {
	cmd := c.cobra("eroute", "manage the eroute table", erouteOptions, runEroute)
	cmd.Long = erouteLong
	cmd.Annotations = map[string]string{usageLines: erouteUsage}
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
		if err := c.opts.checkListing(commonOptions | filterOptions | maskOf(optJSON)); err != nil {
			return err
		}
		return runList(c)
	}
	if err := checkEroute(action, &c.opts, commonOptions); err != nil {
		return err
	}
	return action.run(c)
}

// chooseEroute is choose of the actions, but --batch with --lookup is no action of its
// own: it says what to look up.
func chooseEroute(p *parsed) (*action, error) {
	if !p.has(optLookup) || !p.has(optBatch) {
		return erouteActions.choose(p)
	}
	others := *p
	others.given &^= maskOf(optBatch)
	if _, err := erouteActions.choose(&others); err != nil {
		return nil, err
	}
	return &lookupBatchAction, nil
}
