// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// completer says how a command's line goes on.
type completer struct {
	options optionSet
	choose  func(*parsed) (*action, error) // nil: the command has no actions
	common  optionMask                     // what all actions take
	values  map[optionID]func(*command, *parsed) []string
}

// complete is the [cobra.Command.ValidArgsFunction] of a command. What is wrong with the
// line so far is for the command itself to tell.
func (c *command) complete(how completer) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		c.ctx = cmd.Context()
		p, pending, wants := how.options.read(args)
		if name, value, inline := strings.Cut(word, "="); inline && !wants {
			id, _, _, err := how.options.find(word)
			if err != nil || how.options[id].arg == "" {
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
		if n := len(args); n > 1 && how.options.takesSecond(args[n-2]) && !strings.HasPrefix(word, "-") {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return how.names(&p, word), cobra.ShellCompDirectiveNoFileComp
	}
}

// takesSecond tells whether an argument is an option whose value may be followed by a
// second one.
func (s optionSet) takesSecond(arg string) bool {
	id, _, inline, err := s.find(arg)
	return err == nil && !inline && s[id].second
}

// read notes the options of a line that is not whole; what is not an option is passed
// over. wants tells whether the value of the last one, pending, is still to come.
func (s optionSet) read(args []string) (p parsed, pending optionID, wants bool) {
	p = parsed{set: s}
	for _, arg := range args {
		if wants {
			_ = p.add(pending, arg)
			wants = false
			continue
		}
		id, value, inline, err := s.find(arg)
		if err != nil {
			continue
		}
		if pending, wants = id, s[id].arg != "" && !inline; !wants {
			_ = p.add(id, value)
		}
	}
	return p, pending, wants
}

// value returns the values of an option that begin with a word.
func (how *completer) value(c *command, p *parsed, id optionID, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if how.options[id].isFile() {
		return nil, cobra.ShellCompDirectiveDefault
	}
	values := how.values[id]
	if values == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all := values(c, p)
	return slices.DeleteFunc(all, func(v string) bool { return !strings.HasPrefix(v, word) }), cobra.ShellCompDirectiveNoFileComp
}

// isFile tells whether an option's value names a file, or a command.
func (o option) isFile() bool { return strings.HasPrefix(o.arg, "FILE") || o.arg == "CMD" }

// names returns the options that may come next and begin with a word.
func (how *completer) names(p *parsed, word string) (names []cobra.Completion) {
	allowed := ^optionMask(0)
	if how.choose != nil {
		if a, err := how.choose(p); err == nil && a != nil {
			allowed = a.takes | a.with | how.common
		}
	}
	for i, opt := range how.options {
		id := optionID(i)
		if name := "--" + opt.name; allowed.has(id) && (opt.repeat || !p.has(id)) && strings.HasPrefix(name, word) {
			names = append(names, cobra.CompletionWithDesc(name, opt.help))
		}
	}
	return names
}

// oneOf is values that do not depend on anything.
func oneOf(values ...string) func(*command, *parsed) []string {
	return func(*command, *parsed) []string { return slices.Clone(values) }
}

// isCompletion tells whether a shell asks how a command line goes on.
func isCompletion(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}
