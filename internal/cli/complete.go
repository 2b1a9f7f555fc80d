// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Completer completes command lines of a command of type C.
type Completer[C any] struct {
	Options Options
	Choose  func(*Parsed) (*Action[C], error) // nil: the command has no actions
	Common  Mask                              // options that all actions accept
	Values  map[ID]func(C, *Parsed) []string  // possible values of options
}

// Func returns the [cobra.Command.ValidArgsFunction] of a command, which begin prepares. The command itself
// reports errors in the line.
func (how Completer[C]) Func(begin func(context.Context) C) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		c := begin(cmd.Context())
		p, pending, wants := how.Options.read(args)
		if name, value, inline := strings.Cut(word, "="); inline && !wants {
			id, _, _, err := how.Options.find(word)
			if err != nil || how.Options[id].Arg == "" {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			found, directive := how.value(c, &p, id, value)
			for i := range found {
				found[i] = name + "=" + found[i]
			}
			return found, directive
		}
		if wants {
			return how.value(c, &p, pending, word)
		}
		if n := len(args); n > 1 && how.Options.takesSecond(args[n-2]) && !strings.HasPrefix(word, "-") {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return how.names(&p, word), cobra.ShellCompDirectiveNoFileComp
	}
}

// takesSecond reports whether an argument is an option whose value can be followed by a second one.
func (o Options) takesSecond(arg string) bool {
	id, _, inline, err := o.find(arg)
	return err == nil && !inline && o[id].Second
}

// read parses an incomplete line; it skips arguments that are not options. wants reports whether the value of the
// last option, pending, is still missing.
func (o Options) read(args []string) (p Parsed, pending ID, wants bool) {
	p = Parsed{Options: o}
	for _, arg := range args {
		if wants {
			_ = p.add(pending, arg)
			wants = false
			continue
		}
		id, value, inline, err := o.find(arg)
		if err != nil {
			continue
		}
		if pending, wants = id, o[id].Arg != "" && !inline; !wants {
			_ = p.add(id, value)
		}
	}
	return p, pending, wants
}

// value returns the values of an option with the prefix word.
func (how *Completer[C]) value(c C, p *Parsed, id ID, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if how.Options[id].isFile() {
		return nil, cobra.ShellCompDirectiveDefault
	}
	values := how.Values[id]
	if values == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all := values(c, p)
	return slices.DeleteFunc(all, func(v string) bool { return !strings.HasPrefix(v, word) }), cobra.ShellCompDirectiveNoFileComp
}

// isFile reports whether an option's value is the name of a file or a command.
func (o Option) isFile() bool { return strings.HasPrefix(o.Arg, "FILE") || o.Arg == "CMD" }

// names returns the options that can follow and have the prefix word.
func (how *Completer[C]) names(p *Parsed, word string) (names []cobra.Completion) {
	allowed := ^Mask(0)
	if how.Choose != nil {
		if a, err := how.Choose(p); err == nil && a != nil {
			allowed = a.Takes | a.With | how.Common
		}
	}
	for i, opt := range how.Options {
		id := ID(i)
		if name := "--" + opt.Name; allowed.Has(id) && (opt.Repeat || !p.Has(id)) && strings.HasPrefix(name, word) {
			names = append(names, cobra.CompletionWithDesc(name, opt.Help))
		}
	}
	return names
}

// OneOf returns fixed values.
func OneOf[C any](values ...string) func(C, *Parsed) []string {
	return func(C, *Parsed) []string { return slices.Clone(values) }
}

// IsCompletion reports whether the arguments are a shell's request for completion.
func IsCompletion(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}
