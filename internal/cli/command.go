// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Annotations of commands and flags.
const (
	groupTitle = "group" // of a flag: title of its group
	UsageLines = "usage" // of a command: its usage, if longer than a line
)

// NewCommand returns a cobra command that runs body. Its flags are declared only for help texts and manual pages:
// body parses args by options.
func NewCommand(use, short string, options Options, body func(cmd *cobra.Command, args []string) error) *cobra.Command {
	cmd := &cobra.Command{
		Use:                use,
		Short:              short,
		Args:               cobra.ArbitraryArgs,
		RunE:               body,
		DisableFlagParsing: true,
		SilenceErrors:      true,
		SilenceUsage:       true,

		DisableFlagsInUseLine: true,
	}
	options.declare(cmd.Flags())
	return cmd
}

// declare declares the options as flags, in their order.
func (o Options) declare(flags *pflag.FlagSet) {
	flags.SortFlags = false
	for _, opt := range o {
		if opt.Arg == "" {
			flags.Bool(opt.Name, false, opt.Help)
		} else {
			flags.Var(new(declared(opt.Arg)), opt.Name, opt.Help)
		}
		flags.Lookup(opt.Name).Annotations = map[string][]string{groupTitle: {opt.Group}}
	}
}

// declared is the value of a flag that is only declared: its placeholder.
type declared string

func (d *declared) String() string   { return "" }
func (d *declared) Set(string) error { return nil }
func (d *declared) Type() string     { return string(*d) }

// HideOptions disables cobra's own completion of options, which ignores the preceding options.
func HideOptions(root *cobra.Command) {
	for _, cmd := range append(root.Commands(), root) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { f.Hidden = true })
	}
}
