// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// groupTitle is the annotation that holds the title of an option's group.
const groupTitle = "group"

// declare makes flags of the options, in their order, for help texts and manual pages.
func (s optionSet) declare(flags *pflag.FlagSet) {
	flags.SortFlags = false
	for _, opt := range s {
		if opt.arg == "" {
			flags.Bool(opt.name, false, opt.help)
		} else {
			flags.Var(new(declared(opt.arg)), opt.name, opt.help)
		}
		flags.Lookup(opt.name).Annotations = map[string][]string{groupTitle: {opt.group}}
	}
}

// declared is the value of a flag that is only declared: what it stands for in texts.
type declared string

func (d *declared) String() string   { return "" }
func (d *declared) Set(string) error { return nil }
func (d *declared) Type() string     { return string(*d) }

// hideOptions keeps cobra from completing options by itself, whatever stands before them.
func hideOptions(root *cobra.Command) {
	for _, cmd := range append(root.Commands(), root) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { f.Hidden = true })
	}
}
