// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const rootLong = `ipsec manages the eroute table of a network namespace. The table decides for each packet
routed into an ipsec device whether it is encrypted by a Security Association, passed in
clear, dropped, rejected or held. Started through a link with the name of a command,
such as eroute or tncfg, the program runs that command.`

const rootExample = `  ipsec tncfg --attach --virtual ipsec0 --physical wan --ingress lan
  ipsec eroute --add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said tun0x1000@192.0.2.2
  ipsec eroute`

// newHelp is "ipsec help [COMMAND]".
func newHelp(c *command) *cobra.Command {
	cmd := c.cobra("help [COMMAND]", "print the help of a command", nil, runHelp)
	return cmd
}

func runHelp(_ *command, cmd *cobra.Command, args []string) error {
	if len(args) == 1 && (args[0] == cmd.Name() || args[0] == "--help") {
		args = nil
	}
	topic, rest, err := cmd.Root().Find(args)
	if err != nil || len(rest) > 0 {
		return fmt.Errorf("unknown command %q: see ipsec --help", strings.Join(args, " "))
	}
	return topic.Help()
}

// printHelp writes a command's help text.
func printHelp(w io.Writer, cmd *cobra.Command) {
	_, _ = fmt.Fprintf(w, "%s\n\nUsage:\n%s\n", cmd.Long, usageOf(cmd))
	if cmd.HasAvailableSubCommands() {
		_, _ = fmt.Fprint(w, "\nCommands:\n")
		for _, sub := range cmd.Commands() {
			_, _ = fmt.Fprintf(w, "  %-10s %s\n", sub.Name(), sub.Short)
		}
	}
	groups := optionGroups(cmd.Flags())
	for _, group := range groups {
		title := group.title
		if len(groups) == 1 {
			title = "Options"
		}
		_, _ = fmt.Fprintf(w, "\n%s:\n%s", title, group.text)
	}
	_, _ = fmt.Fprintf(w, "\nExamples:\n%s\n", cmd.Example)
}

// usageLines is the annotation of commands whose usage takes more than a line.
const usageLines = "usage"

// usageOf is the lines that say how a command is called.
func usageOf(cmd *cobra.Command) string {
	if usage := cmd.Annotations[usageLines]; usage != "" {
		return usage
	}
	return "  " + cmd.UseLine()
}

type optionGroup struct{ title, text string }

// optionGroups formats a command's options, in their order and under their titles.
func optionGroups(flags *pflag.FlagSet) (groups []optionGroup) {
	flags.VisitAll(func(f *pflag.Flag) {
		title := f.Annotations[groupTitle][0]
		if len(groups) == 0 || groups[len(groups)-1].title != title {
			groups = append(groups, optionGroup{title: title})
		}
		arg, help := pflag.UnquoteUsage(f)
		groups[len(groups)-1].text += optionText(strings.TrimRight("--"+f.Name+" "+arg, " "), help)
	})
	return groups
}

// Columns of the list of options: of options without the indentation, and of a whole line.
const (
	optionColumns = 24
	lineColumns   = 88
)

// optionText formats an option and its help, wrapped. An option that is too long for its
// column has a line of its own.
func optionText(option, help string) string {
	var b strings.Builder
	indent := strings.Repeat(" ", 2+optionColumns)
	if len(option) > optionColumns {
		b.WriteString("  " + option + "\n" + indent)
	} else {
		fmt.Fprintf(&b, "  %-*s", optionColumns, option)
	}
	column := len(indent)
	for i, word := range strings.Fields(help) {
		if i > 0 && column+1+len(word) > lineColumns {
			b.WriteString("\n" + indent)
			column = len(indent)
		}
		b.WriteString(" " + word)
		column += 1 + len(word)
	}
	b.WriteString("\n")
	return b.String()
}
