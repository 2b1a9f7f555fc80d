// SPDX-License-Identifier: Apache-2.0

package manpages

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"

	"github.com/ipsec-eroute/eroute/internal/cli"
)

// The header of all pages; the date is that of the last release.
const (
	date   = "2026-11-29"
	source = "ipsec-eroute"
	manual = "IPsec eroutes"
)

// ending ends all pages of commands, before SEE ALSO.
const ending = `
# EXIT STATUS

0 on success, 1 after an error, which is printed in one line on standard error. Wrong
arguments are found before anything is changed.
`

// name returns the name of a command's page.
func name(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "_") }

// page returns the page of a command in section 8, as roff, from its help.
func page(cmd *cobra.Command) []byte {
	var md bytes.Buffer
	put := func(format string, args ...any) { _, _ = fmt.Fprintf(&md, format, args...) }

	put("# NAME\n\n%s - %s\n\n", escape(name(cmd)), escape(cmd.Short))
	put("# SYNOPSIS\n\n%s\n", verbatim(cli.Usage(cmd)))
	put("# DESCRIPTION\n\n%s\n\n", escape(cmd.Long))
	if subs := commands(cmd); len(subs) > 0 {
		put("# COMMANDS\n\n")
		for _, sub := range subs {
			put("**%s**\n: %s, see **%s**(8)\n\n", escape(sub.Name()), escape(sub.Short), escape(name(sub)))
		}
	}
	put("# OPTIONS\n\n")
	groups := cli.Groups(cmd)
	for _, group := range groups {
		if len(groups) > 1 {
			put("### %s\n\n", escape(group.Title))
		}
		for _, opt := range group.Options {
			arg := opt.Arg
			if arg != "" {
				arg = " *" + escape(arg) + "*"
			}
			put("**--%s**%s\n: %s\n\n", escape(opt.Name), arg, escape(opt.Help))
		}
	}
	if cmd.Example != "" {
		put("# EXAMPLES\n\n%s\n", verbatim(cmd.Example))
	}
	put("%s\n# SEE ALSO\n\n%s\n", ending, strings.Join(seeAlso(cmd), ", "))
	return render(name(cmd), "8", md.Bytes())
}

// render converts a page from Markdown to roff.
func render(title, section string, markdown []byte) []byte {
	header := fmt.Sprintf("%% %q %q %q %q %q\n\n", strings.ToUpper(title), section, date, source, manual)
	roff := string(md2man.Render(append([]byte(header), markdown...)))
	var b strings.Builder
	b.WriteString(".\\\" made by make docs\n")
	for line := range strings.Lines(roff) {
		if line[0] != '.' { // not a typographic hyphen
			line = strings.ReplaceAll(strings.ReplaceAll(line, `\-`, "-"), "-", `\-`)
		}
		b.WriteString(line)
	}
	return []byte(b.String())
}

// commands returns the subcommands that have a page.
func commands(cmd *cobra.Command) (subs []*cobra.Command) {
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			subs = append(subs, sub)
		}
	}
	return subs
}

// seeAlso returns all other pages.
func seeAlso(cmd *cobra.Command) (pages []string) {
	for _, other := range append([]*cobra.Command{cmd.Root()}, commands(cmd.Root())...) {
		if other != cmd {
			pages = append(pages, fmt.Sprintf("**%s**(8)", escape(name(other))))
		}
	}
	return append(pages, "**ipsec_eroute**(5)")
}

// escape escapes text in Markdown.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `_`, `\_`, `<`, `\<`, `[`, `\[`, "`", "\\`", `|`, `\|`).Replace(text)
}

// verbatim formats lines that are not filled.
func verbatim(lines string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		b.WriteString(strings.TrimRight("    "+strings.TrimPrefix(line, "  "), " \n") + "\n")
	}
	return b.String()
}
