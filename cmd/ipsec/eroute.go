// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/spf13/cobra"
)

var commonOptions = cli.MaskOf(erouteargs.OptLabel, erouteargs.OptDebug)

var (
	erouteActions = append(erouteargs.ChangeActions(runChange),
		cli.Action[*command]{Option: erouteargs.OptBatch, Takes: cli.MaskOf(erouteargs.OptCheck, erouteargs.OptNoNewClear, erouteargs.OptAssert), Run: runBatch},
		cli.Action[*command]{Option: erouteargs.OptSave, Run: runSave},
		cli.Action[*command]{Option: erouteargs.OptRestore, Takes: cli.MaskOf(erouteargs.OptCheck, erouteargs.OptNoNewClear, erouteargs.OptAssert, erouteargs.OptRevision), Run: runRestore},
		cli.Action[*command]{Option: erouteargs.OptDiff, Takes: cli.MaskOf(erouteargs.OptJSON), Run: runDiff},
		cli.Action[*command]{Option: erouteargs.OptImport, Run: runImport},
		cli.Action[*command]{Option: erouteargs.OptLookup, Takes: erouteargs.SelectorOptions | cli.MaskOf(erouteargs.OptExplain, erouteargs.OptJSON), Needs: erouteargs.EndOptions, Run: runLookup},
		cli.Action[*command]{Option: erouteargs.OptSetAside, Run: runSetAside},
		cli.Action[*command]{Option: erouteargs.OptPutBack, Run: runPutBack},
		cli.Action[*command]{Option: erouteargs.OptSync, Run: runSync},
		cli.Action[*command]{Option: erouteargs.OptLimit, Run: runLimit},
		cli.Action[*command]{Option: erouteargs.OptStats, Takes: cli.MaskOf(erouteargs.OptAll, erouteargs.OptJSON), Run: runStats},
		cli.Action[*command]{Option: erouteargs.OptWatch, Takes: cli.MaskOf(erouteargs.OptInterval, erouteargs.OptJSON), Run: runWatch},
		cli.Action[*command]{Option: erouteargs.OptMetrics, Run: runMetrics},
	)
	lookupBatchAction = cli.Action[*command]{Option: erouteargs.OptLookup, With: cli.MaskOf(erouteargs.OptBatch), Takes: cli.MaskOf(erouteargs.OptExplain, erouteargs.OptJSON), Run: runLookupBatch}
)

func newEroute(c *command) *cobra.Command {
	cmd := c.cobra("eroute", "manage the eroute table", erouteargs.Options, runEroute)
	cmd.Long = erouteLong
	cmd.Annotations = map[string]string{cli.UsageLines: erouteUsage}
	cmd.Example = erouteExample
	cmd.ValidArgsFunction = c.complete(erouteCompleter)
	return cmd
}

func runEroute(c *command, cmd *cobra.Command, args []string) error {
	if done, err := c.parse(cmd, erouteargs.Options, args, erouteargs.OptHelp, erouteargs.OptVersion); done || err != nil {
		return err
	}
	action, err := chooseEroute(&c.opts)
	if err != nil {
		return err
	}
	if action == nil {
		if err := c.opts.CheckListing(commonOptions | erouteargs.FilterOptions | cli.MaskOf(erouteargs.OptJSON)); err != nil {
			return err
		}
		return runList(c)
	}
	if err := erouteargs.Check(action, &c.opts, commonOptions); err != nil {
		return err
	}
	return action.Run(c)
}

// chooseEroute chooses the action. --batch together with --lookup is not an action: it names the packets to look
// up.
func chooseEroute(p *cli.Parsed) (*cli.Action[*command], error) {
	if !p.Has(erouteargs.OptLookup) || !p.Has(erouteargs.OptBatch) {
		return erouteActions.Choose(p)
	}
	if _, err := erouteActions.Choose(p.Without(cli.MaskOf(erouteargs.OptBatch))); err != nil {
		return nil, err
	}
	return &lookupBatchAction, nil
}
