// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/internal/files"
	"github.com/ipsec-eroute/eroute/internal/render"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/fleet/template"
)

// env is the environment of commands, which tests can replace.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	tables         template.Reader
	version        string
}

func systemEnv() *env {
	return &env{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, version: buildVersion(),
		tables: template.Reader{Resolver: net.DefaultResolver, Names: eroute.SystemNames},
	}
}

// version is set at build time: go build -ldflags "-X main.version=1.2.3".
var version string

func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); version == "" && ok {
		return info.Main.Version
	}
	return version
}

// command is one execution of a command.
type command struct {
	*env
	name  string // as typed: "ipsec-fleet status"
	opts  cli.Parsed
	words []string // arguments that are not options
	out   *bufio.Writer
}

// run executes one command line and returns the exit status: 0, or 1 after an error, which it prints on one line.
func run(ctx context.Context, e *env, args []string) int {
	c := &command{env: e, name: "ipsec-fleet", out: bufio.NewWriter(files.Output{W: e.stdout, What: "write output"})}
	root := newRoot(c)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if flushErr := c.out.Flush(); err == nil {
		err = flushErr
	}
	if err != nil {
		_, _ = fmt.Fprintln(e.stderr, render.OneLine(c.name+": "+err.Error()))
		return 1
	}
	return 0
}

func newRoot(c *command) *cobra.Command {
	root := c.cobra(definition{
		use: "ipsec-fleet COMMAND | --help | --version", short: "keep eroute tables of many gateways equal",
		long: rootLong, example: rootExample, words: -1, body: runRoot,
	})
	root.SetOut(c.out)
	root.SetErr(io.Discard)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(cli.NewCommand("help [COMMAND]", "print the help of a command", nil, printHelp))
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { cli.PrintHelp(c.out, cmd) })
	for _, d := range definitions {
		root.AddCommand(c.cobra(d))
	}
	return root
}

func runRoot(c *command, ctx context.Context) error {
	if len(c.words) > 0 {
		return fmt.Errorf("unknown command %q: see ipsec-fleet --help", c.words[0])
	}
	return errNoCommand
}

var errNoCommand = errors.New("no command: see ipsec-fleet --help")

func printHelp(cmd *cobra.Command, args []string) error {
	topic, rest, err := cmd.Root().Find(args)
	if err != nil || len(rest) > 0 {
		return fmt.Errorf("unknown command %q: see ipsec-fleet --help", strings.Join(args, " "))
	}
	return topic.Help()
}

// definition defines a command.
type definition struct {
	use, short, long, example string
	options                   cli.Options // in addition to those of all commands
	words                     int         // number of arguments that are not options; -1: any
	body                      func(*command, context.Context) error
}

// Options of all commands.
var (
	helpOption    = cli.HelpOption
	versionOption = cli.VersionOption
	configOption  = cli.Option{Name: "config", Arg: "FILE", Group: cli.OtherGroup, Help: "settings; default " + defaultConfig}
	jsonOption    = cli.Option{Name: "json", Group: "Options", Help: "print JSON"}
)

// cobra returns the cobra command of a definition.
func (c *command) cobra(d definition) *cobra.Command {
	set := append(append(cli.Options{}, d.options...), configOption, helpOption, versionOption)
	if d.words < 0 {
		set = cli.Options{helpOption, versionOption}
	}
	last := cli.ID(len(set) - 1)
	cmd := cli.NewCommand(d.use, d.short, set, func(cmd *cobra.Command, args []string) error {
		c.name = cmd.CommandPath()
		var options []string
		c.words, options = split(set, args)
		if err := set.Parse(options, cli.MaskOf(last-1, last), &c.opts); err != nil {
			return err
		}
		switch {
		case c.opts.Has(last - 1):
			return cmd.Help()
		case c.opts.Has(last):
			_, err := fmt.Fprintln(c.out, c.name, c.version)
			return err
		}
		if d.words >= 0 && len(c.words) != d.words {
			return fmt.Errorf("%d arguments: usage: %s", len(c.words), cmd.UseLine())
		}
		return d.body(c, cmd.Context())
	})
	cmd.Long, cmd.Example = d.long, d.example
	return cmd
}

// split separates the words of a command line from its options and their values.
func split(set cli.Options, args []string) (words, options []string) {
	for i := 0; i < len(args); i++ {
		name, isOption := strings.CutPrefix(args[i], "--")
		if !isOption && (args[i] == "-" || !strings.HasPrefix(args[i], "-")) {
			words = append(words, args[i])
			continue
		}
		options = append(options, args[i])
		for _, o := range set {
			if o.Name == name && o.Arg != "" && i+1 < len(args) {
				i++
				options = append(options, args[i])
			}
		}
	}
	return words, options
}

// value returns the value of an option, "" if it is not given.
func (c *command) value(name string) string {
	for id, o := range c.opts.Options {
		if o.Name == name {
			return c.opts.Value(cli.ID(id))
		}
	}
	return ""
}
