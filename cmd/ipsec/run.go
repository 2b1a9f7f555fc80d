// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/internal/files"
	"github.com/spf13/cobra"
)

// run executes one command line and returns the exit status: 0, or 1 after an error, which it prints on one line.
func run(ctx context.Context, e *env, args []string) int {
	c := &command{env: e, name: "ipsec", args: args, out: bufio.NewWriter(files.Output{W: e.stdout, What: "write output"})}
	root := newRoot(c)
	root.SetArgs(args)
	if cli.IsCompletion(args) {
		cli.HideOptions(root)
	}
	err := root.ExecuteContext(ctx)
	if flushErr := c.out.Flush(); err == nil {
		err = flushErr
	}
	if err != nil {
		c.printLine(explainError(err).Error())
		return 1
	}
	return 0
}

// Options of ipsec itself.
const (
	rootHelp cli.ID = iota
	rootVersion
)

var rootOptions = cli.Options{
	rootHelp:    {Name: "help", Group: "Options", Help: "print this help"},
	rootVersion: {Name: "version", Group: "Options", Help: "print the version"},
}

func newRoot(c *command) *cobra.Command {
	root := c.cobra("ipsec COMMAND | --help | --version", "manage eroutes and ipsec devices", rootOptions, runRoot)
	root.ValidArgsFunction = c.complete(rootCompleter)
	root.Long = rootLong
	root.Example = rootExample
	root.SetOut(c.out)
	root.SetErr(io.Discard)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { cli.PrintHelp(c.out, cmd) })
	root.SetHelpCommand(newHelp(c))
	root.AddCommand(newEroute(c), newTncfg(c), newAcquire(c), newMonitor(c), newDoctor(c), newCompletion(c))
	return root
}

func runRoot(c *command, cmd *cobra.Command, args []string) error {
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		return fmt.Errorf("unknown command %q: see ipsec --help", args[0])
	}
	if done, err := c.parse(cmd, rootOptions, args, rootHelp, rootVersion); done || err != nil {
		return err
	}
	return cmd.Help()
}
