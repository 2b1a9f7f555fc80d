// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/internal/render"
	"github.com/spf13/cobra"
)

// command is one execution of a command.
type command struct {
	env  *env
	ctx  context.Context
	name string   // as typed: "ipsec eroute"
	args []string // all arguments of the process
	opts cli.Parsed
	out  *bufio.Writer // flushed at the end
}

// cobra returns the cobra command that runs c.
func (c *command) cobra(use, short string, options cli.Options, body func(*command, *cobra.Command, []string) error) *cobra.Command {
	return cli.NewCommand(use, short, options, func(cmd *cobra.Command, args []string) error {
		c.ctx, c.name = cmd.Context(), cmd.CommandPath()
		return body(c, cmd, args)
	})
}

// complete returns the completion function of a command.
func (c *command) complete(how cli.Completer[*command]) cobra.CompletionFunc {
	return how.Func(func(ctx context.Context) *command {
		c.ctx = ctx
		return c
	})
}

// parse reads the command's options. Returns done if it has printed the help or the version.
func (c *command) parse(cmd *cobra.Command, set cli.Options, args []string, help, version cli.ID) (done bool, err error) {
	if err := set.Parse(args, cli.MaskOf(help, version), &c.opts); err != nil {
		return false, err
	}
	switch {
	case c.opts.Has(help):
		return true, cmd.Help()
	case c.opts.Has(version):
		_, err := fmt.Fprintln(c.out, c.name, c.env.version)
		return true, err
	}
	return false, nil
}

// printLine writes one line to stderr, prefixed with the command's name and label.
func (c *command) printLine(text string) {
	prefix := c.name + ": "
	if label := c.label(); label != "" {
		prefix += label + ": "
	}
	// OneLine separates the lines of joined errors with semicolons.
	_, _ = fmt.Fprintln(c.env.stderr, render.OneLine(prefix+text))
}

// note prints a debug message if --debug is given.
func (c *command) note(format string, args ...any) {
	if c.isNoted() {
		c.printLine("debug: " + fmt.Sprintf(format, args...))
	}
}

// isNoted reports whether --debug is given.
func (c *command) isNoted() bool { return c.opts.HasName(cli.DebugOption.Name) }

// label returns the value of --label, wherever it is on the command line: an error may precede it.
func (c *command) label() string {
	for i, arg := range c.args {
		if value, ok := strings.CutPrefix(arg, "--label="); ok {
			return value
		}
		if arg == "--label" && i+1 < len(c.args) {
			return c.args[i+1]
		}
	}
	return ""
}
