// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const rootLong = `ipsec keeps the eroute table of a network namespace, which says for each packet
routed into an ipsec device what is to become of it: protected by a Security
Association, passed in clear, dropped, rejected. Under the name of one of its commands,
as a link named eroute or tncfg, the program is that command.`

const rootExample = `  ipsec tncfg --attach --virtual ipsec0 --physical wan --ingress lan
  ipsec eroute --add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said tun0x1000@192.0.2.2
  ipsec eroute`

// newHelp is "ipsec help [COMMAND]".
func newHelp(c *command) *cobra.Command {
	cmd := c.cobra("help [COMMAND]", "print the help text of a command", nil, runHelp)
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
	for _, group := range optionGroups(cmd.Flags()) {
		_, _ = fmt.Fprintf(w, "\n%s:\n%s", group.title, group.text)
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

// optionGroups writes a command's options, in their order and under their titles.
func optionGroups(flags *pflag.FlagSet) (groups []optionGroup) {
	flags.VisitAll(func(f *pflag.Flag) {
		title := f.Annotations[groupTitle][0]
		if len(groups) == 0 || groups[len(groups)-1].title != title {
			groups = append(groups, optionGroup{title: title})
		}
		arg, help := pflag.UnquoteUsage(f)
		group := &groups[len(groups)-1]
		group.text += fmt.Sprintf("  %-24s %s\n", strings.TrimRight("--"+f.Name+" "+arg, " "), help)
	})
	return groups
}
