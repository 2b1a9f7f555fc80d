// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/ipsec-eroute/eroute/pkg/diff"
)

// Maximum number of selectors shown per class: of classes that open clear text, of others, and of exceptions.
const (
	shownOpening = 20
	shownOthers  = 3
	shownExcept  = 3
)

// Painter formats differences, in colour if true.
type Painter bool

var (
	styleOpens   = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
	styleOther   = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	styleProtect = lipgloss.NewStyle().Foreground(lipgloss.Green)
)

func (p Painter) paint(style lipgloss.Style, text string) string {
	if !p {
		return text
	}
	return style.Render(text)
}

// class formats a class of changes.
func (p Painter) class(c diff.Class) string {
	switch {
	case c.OpensClear():
		return p.paint(styleOpens, c.String())
	case c.To == diff.Protected && c.Peer == 0:
		return p.paint(styleProtect, c.String())
	}
	return p.paint(styleOther, c.String())
}

// Difference writes the difference of two tables with examples, and a summary.
func (p Painter) Difference(w io.Writer, from, to string, r *diff.Result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", from, to)
	for i := range r.Classes {
		of := &r.Classes[i]
		fmt.Fprintf(&b, "%s: %s\n", p.class(of.Class), atLeast(r, len(of.Regions), "selector"))
		shown := shownOthers
		if of.Class.OpensClear() {
			shown = shownOpening
		}
		for j := range of.Regions[:min(shown, len(of.Regions))] {
			region := &of.Regions[j]
			fmt.Fprintf(&b, "  %s\n    %s\n", Region(region), Example(region))
		}
		if more := len(of.Regions) - shown; more > 0 {
			fmt.Fprintf(&b, "  and %s more, see --json\n", Number(more))
		}
	}
	fmt.Fprintln(&b, p.opening(r)+"; "+eroutesText(r))
	_, err := io.WriteString(w, b.String())
	return err
}

// Summary writes a line for each class of a difference, and whether the difference opens clear text.
func (p Painter) Summary(w io.Writer, r *diff.Result) error {
	for i := range r.Classes {
		of := &r.Classes[i]
		if _, err := fmt.Fprintf(w, "%s: %s, such as %s\n", p.class(of.Class), atLeast(r, len(of.Regions), "selector"), Region(&of.Regions[0])); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w, p.opening(r))
	return err
}

// opening describes whether a difference opens clear text.
func (p Painter) opening(r *diff.Result) string {
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
		Number(r.Added), Number(r.Deleted), Number(r.Changed), Number(r.Kept))
}

// atLeast formats the number of results found, with "at least" if the result is incomplete.
func atLeast(r *diff.Result, n int, what string) string {
	text := counted(n, what)
	if r.Incomplete {
		return "at least " + text
	}
	return text
}

// counted formats a number of items.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return Number(n) + " " + what + "s"
}

// Number formats a number with commas.
func Number(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Region formats a set of packets.
func Region(r *diff.Region) string {
	text := Selector(r.Selector)
	var except []string
	for _, s := range r.Except[:min(len(r.Except), shownExcept)] {
		except = append(except, Selector(s))
	}
	if more := len(r.Except) + r.Omitted - len(except); more > 0 {
		except = append(except, Number(more)+" more")
	}
	if n := len(except); n > 1 {
		except = append(slices.Clone(except[:n-2]), except[n-2]+" and "+except[n-1])
	}
	if len(except) > 0 {
		text += " except " + strings.Join(except, ", ")
	}
	return text
}

// Example formats a packet of a set and how its verdict changes.
func Example(r *diff.Region) string {
	return fmt.Sprintf("such as %s: %v, then %v", Packet(r.Witness), r.From, r.To)
}
