// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/ipsec-eroute/eroute/pkg/diff"
)

// How many selectors of a class are shown: of those that open clear text, and of others.
const (
	shownOpening = 20
	shownOthers  = 3
	shownExcept  = 3
)

// painter writes in colours, or without.
type painter bool

// colours says whether output is seen in colours: on a terminal, if nobody forbids it
// (https://no-color.org).
func (c *command) colours() painter {
	value := func(name string) (v string) {
		for _, e := range c.env.environ {
			if of, text, _ := strings.Cut(e, "="); of == name {
				v = text
			}
		}
		return v
	}
	return painter(isTerminal(c.env.stdout) && value("NO_COLOR") == "" && value("TERM") != "dumb")
}

var (
	styleOpens   = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
	styleOther   = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	styleProtect = lipgloss.NewStyle().Foreground(lipgloss.Green)
)

func (p painter) paint(style lipgloss.Style, text string) string {
	if !p {
		return text
	}
	return style.Render(text)
}

// class writes how verdicts change.
func (p painter) class(c diff.Class) string {
	switch {
	case c.OpensClear():
		return p.paint(styleOpens, c.String())
	case c.To == diff.Protected && c.Peer == 0:
		return p.paint(styleProtect, c.String())
	}
	return p.paint(styleOther, c.String())
}

// writeDiff writes a difference with examples, and in the end its summary.
func (c *command) writeDiff(from, to string, r *diff.Result) error {
	p := c.colours()
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", oneLine(sideName(from)), oneLine(sideName(to)))
	for i := range r.Classes {
		of := &r.Classes[i]
		fmt.Fprintf(&b, "%s: %s\n", p.class(of.Class), atLeast(r, len(of.Regions), "selector"))
		shown := shownOthers
		if of.Class.OpensClear() {
			shown = shownOpening
		}
		for j := range of.Regions[:min(shown, len(of.Regions))] {
			region := &of.Regions[j]
			fmt.Fprintf(&b, "  %s\n    %s\n", regionText(region), witnessText(region))
		}
		if more := len(of.Regions) - shown; more > 0 {
			fmt.Fprintf(&b, "  and %s more, see --json\n", grouped(more))
		}
	}
	fmt.Fprintln(&b, p.opening(r)+"; "+eroutesText(r))
	_, err := io.WriteString(c.out, b.String())
	return err
}

// sideName is how a side is named.
func sideName(name string) string {
	switch name {
	case runningTable:
		return "running table"
	case "-":
		return "standard input"
	}
	return name
}

// writeSummary writes a difference as a line for each class, and whether it opens clear text.
func (c *command) writeSummary(r *diff.Result) error {
	p := c.colours()
	for i := range r.Classes {
		of := &r.Classes[i]
		if _, err := fmt.Fprintf(c.out, "%s: %s, such as %s\n", p.class(of.Class), atLeast(r, len(of.Regions), "selector"), regionText(&of.Regions[0])); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(c.out, p.opening(r))
	return err
}

// opening is the most important of a difference.
func (p painter) opening(r *diff.Result) string {
	n := 0
	for _, of := range r.OpensClear() {
		n += len(of.Regions)
	}
	switch {
	case n > 0:
		return p.paint(styleOpens, "opens clear text for "+atLeast(r, n, "selector"))
	case r.Incomplete:
		return p.paint(styleOpens, "too large to compare completely: may open clear text")
	case len(r.Classes) == 0:
		return "no packet changes"
	}
	return p.paint(styleProtect, "opens no clear text")
}

func eroutesText(r *diff.Result) string {
	return fmt.Sprintf("eroutes: %s added, %s deleted, %s changed, %s kept",
		grouped(r.Added), grouped(r.Deleted), grouped(r.Changed), grouped(r.Kept))
}

// atLeast is a number of what was found, which may not be all.
func atLeast(r *diff.Result, n int, what string) string {
	text := counted(n, what)
	if r.Incomplete {
		return "at least " + text
	}
	return text
}

// counted is a number of things.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return grouped(n) + " " + what + "s"
}

// grouped is a number with commas.
func grouped(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// regionText is a set of packets.
func regionText(r *diff.Region) string {
	text := selectorText(r.Selector)
	var except []string
	for _, s := range r.Except[:min(len(r.Except), shownExcept)] {
		except = append(except, selectorText(s))
	}
	if more := len(r.Except) + r.Omitted - len(except); more > 0 {
		except = append(except, grouped(more)+" more")
	}
	if n := len(except); n > 1 {
		except = append(slices.Clone(except[:n-2]), except[n-2]+" and "+except[n-1])
	}
	if len(except) > 0 {
		text += " except " + strings.Join(except, ", ")
	}
	return text
}

// witnessText is a packet of a set, and how its verdict changes.
func witnessText(r *diff.Region) string {
	return fmt.Sprintf("such as %s: %v, then %v", packetText(r.Witness), r.From, r.To)
}
