// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The header of all pages; the date is that of the last release.
const (
	manDate   = "2026-11-24"
	manSource = "ipsec-eroute"
	manManual = "IPsec eroutes"
)

// manEnd is what all pages of commands end with, before SEE ALSO.
const manEnd = `
# EXIT STATUS

0 on success. 1 after an error, which is printed in one line on standard error; nothing
has been changed then.
`

// manName is the name of a command's page.
func manName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "_") }

// manPage is the page of a command in section 8, as roff, from what its help text is
// made of.
func manPage(cmd *cobra.Command) []byte {
	var md bytes.Buffer
	put := func(format string, args ...any) { _, _ = fmt.Fprintf(&md, format, args...) }

	put("# NAME\n\n%s - %s\n\n", manText(manName(cmd)), manText(cmd.Short))
	put("# SYNOPSIS\n\n%s\n", manVerbatim(usageOf(cmd)))
	put("# DESCRIPTION\n\n%s\n\n", manText(cmd.Long))
	if subs := manCommands(cmd); len(subs) > 0 {
		put("# COMMANDS\n\n")
		for _, sub := range subs {
			put("**%s**\n: %s, see **%s**(8)\n\n", manText(sub.Name()), manText(sub.Short), manText(manName(sub)))
		}
	}
	put("# OPTIONS\n\n")
	group := ""
	if groups := optionGroups(cmd.Flags()); len(groups) == 1 {
		group = groups[0].title // needs none
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if title := f.Annotations[groupTitle][0]; title != group {
			group = title
			put("### %s\n\n", manText(title))
		}
		arg, help := pflag.UnquoteUsage(f)
		if arg != "" {
			arg = " *" + manText(arg) + "*"
		}
		put("**--%s**%s\n: %s\n\n", manText(f.Name), arg, manText(help))
	})
	if cmd.Example != "" {
		put("# EXAMPLES\n\n%s\n", manVerbatim(cmd.Example))
	}
	put("%s\n# SEE ALSO\n\n%s\n", manEnd, strings.Join(manSeeAlso(cmd), ", "))
	return manRender(manName(cmd), "8", md.Bytes())
}

// manRender makes a page of its Markdown.
func manRender(name, section string, markdown []byte) []byte {
	header := fmt.Sprintf("%% %q %q %q %q %q\n\n", strings.ToUpper(name), section, manDate, manSource, manManual)
	roff := string(md2man.Render(append([]byte(header), markdown...)))
	var b strings.Builder
	b.WriteString(".\\\" made by make docs\n")
	for line := range strings.Lines(roff) {
		if line[0] != '.' { // a hyphen to be typed is not one to be typeset
			line = strings.ReplaceAll(strings.ReplaceAll(line, `\-`, "-"), "-", `\-`)
		}
		b.WriteString(line)
	}
	return []byte(b.String())
}

// manCommands is the commands below a command that have a page.
func manCommands(cmd *cobra.Command) (subs []*cobra.Command) {
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			subs = append(subs, sub)
		}
	}
	return subs
}

// manSeeAlso is all other pages.
func manSeeAlso(cmd *cobra.Command) (pages []string) {
	for _, other := range append([]*cobra.Command{cmd.Root()}, manCommands(cmd.Root())...) {
		if other != cmd {
			pages = append(pages, fmt.Sprintf("**%s**(8)", manText(manName(other))))
		}
	}
	return append(pages, "**ipsec_eroute**(5)")
}

// manText keeps text from being taken for Markdown.
func manText(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `_`, `\_`, `<`, `\<`, `[`, `\[`, "`", "\\`", `|`, `\|`).Replace(text)
}

// manVerbatim makes lines that stay as they are.
func manVerbatim(lines string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		b.WriteString(strings.TrimRight("    "+strings.TrimPrefix(line, "  "), " \n") + "\n")
	}
	return b.String()
}
