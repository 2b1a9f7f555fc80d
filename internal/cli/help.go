// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Widths in a help text: of an option without its indentation, and of a whole line.
const (
	optionColumns = 24
	lineColumns   = 88
)

// PrintHelp writes a command's help text.
func PrintHelp(w io.Writer, cmd *cobra.Command) {
	_, _ = fmt.Fprintf(w, "%s\n\nUsage:\n%s\n", cmd.Long, Usage(cmd))
	if cmd.HasAvailableSubCommands() {
		_, _ = fmt.Fprint(w, "\nCommands:\n")
		for _, sub := range cmd.Commands() {
			_, _ = fmt.Fprintf(w, "  %-10s %s\n", sub.Name(), sub.Short)
		}
	}
	groups := Groups(cmd)
	for _, group := range groups {
		title := group.Title
		if len(groups) == 1 {
			title = "Options"
		}
		_, _ = fmt.Fprintf(w, "\n%s:\n", title)
		for _, opt := range group.Options {
			_, _ = io.WriteString(w, optionText(strings.TrimRight("--"+opt.Name+" "+opt.Arg, " "), opt.Help))
		}
	}
	_, _ = fmt.Fprintf(w, "\nExamples:\n%s\n", cmd.Example)
}

// Usage returns the usage lines of a command.
func Usage(cmd *cobra.Command) string {
	if usage := cmd.Annotations[UsageLines]; usage != "" {
		return usage
	}
	return "  " + cmd.UseLine()
}

// Group is a set of options with the same title.
type Group struct {
	Title   string
	Options []Option
}

// Groups returns the options of a command by group, in their order.
func Groups(cmd *cobra.Command) (groups []Group) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		title := f.Annotations[groupTitle][0]
		if len(groups) == 0 || groups[len(groups)-1].Title != title {
			groups = append(groups, Group{Title: title})
		}
		arg, help := pflag.UnquoteUsage(f)
		group := &groups[len(groups)-1]
		group.Options = append(group.Options, Option{Name: f.Name, Arg: arg, Help: help, Group: title})
	})
	return groups
}

// optionText formats an option and its help, wrapped. An option that exceeds its column has a line of its own.
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
