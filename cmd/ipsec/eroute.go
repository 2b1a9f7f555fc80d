// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/spf13/cobra"

var (
	selectorOptions = maskOf(optEraf, optSrc, optDst, optTransportProto, optSrcPort, optDstPort)
	saidPartOptions = maskOf(optAf, optEdst, optSPI, optProto)
	saidOptions     = saidPartOptions | maskOf(optSaid)
	endOptions      = maskOf(optSrc, optDst)
	commonOptions   = maskOf(optLabel, optDebug)
)

// changeActions change eroutes; a line of a batch is one of them.
var changeActions = actionSet{
	{optAdd, selectorOptions | saidOptions, endOptions, runChange},
	{optReplace, selectorOptions | saidOptions, endOptions, runChange},
	{optDel, selectorOptions | saidOptions, endOptions, runChange},
	{optClear, 0, 0, runChange},
}

var (
	erouteActions = append(changeActions[:len(changeActions):len(changeActions)],
		action{optBatch, 0, 0, runBatch},
		action{optLookup, selectorOptions | maskOf(optJSON), endOptions, runLookup},
		action{optSync, 0, 0, runSync},
		action{optLimit, 0, 0, runLimit},
		action{optStats, maskOf(optJSON), 0, runStats},
	)
	lookupBatchAction = action{optLookup, maskOf(optBatch, optJSON), 0, runLookupBatch}
)

func newEroute(c *command) *cobra.Command {
	cmd := c.cobra("eroute", "change, list and ask the eroute table", erouteOptions, runEroute)
	cmd.Long = erouteLong
	cmd.Annotations = map[string]string{usageLines: erouteUsage}
	cmd.Example = erouteExample
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
		if err := c.opts.checkListing(commonOptions | maskOf(optJSON)); err != nil {
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
