// SPDX-License-Identifier: Apache-2.0

package figures

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Print writes all results, then the goals.
func (s *Set) Print(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "Linux %s, %d CPUs; medians of %d rounds, ± how far the middle half strays.\n", s.Kernel, s.CPUs, s.Rounds); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if s.VM != "" {
		if _, err := fmt.Fprintf(w, "In the VM, under emulation: Linux %s.\n", s.VM); err != nil {
			return fmt.Errorf("print: %w", err)
		}
	}
	for _, info := range sections {
		if err := s.printSection(w, info.name); err != nil {
			return err
		}
	}
	for _, missing := range s.Missing {
		if _, err := fmt.Fprintf(w, "not measured: %s\n", missing); err != nil {
			return fmt.Errorf("print: %w", err)
		}
	}
	return s.printGoals(w)
}

// printSection writes a section as a table: the medians, the deviation of the middle half of the rounds, and
// ratios of medians. It writes nothing if nothing was measured.
func (s *Set) printSection(w io.Writer, name string) error {
	cases := s.cases(name)
	if len(cases) == 0 {
		return nil
	}
	info := section(name)
	if _, err := fmt.Fprintf(w, "\n%s, %s:\n", info.title, info.unit); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	heads := append(caseHeads(cases), info.subjects...)
	for _, r := range info.ratios {
		heads = append(heads, r.String())
	}
	if info.base != "" {
		heads = append(heads, "over "+info.base)
	}
	_, _ = fmt.Fprintln(t, strings.Join(heads, "\t")+"\t")
	for _, c := range cases {
		cells := caseCells(c, cases)
		for _, subject := range info.subjects {
			cells = append(cells, s.cell(c, subject))
		}
		for _, r := range info.ratios {
			cells = append(cells, times(s.ratio(c, r)))
		}
		if info.base != "" {
			cells = append(cells, times(s.overBase(c, info)))
		}
		_, _ = fmt.Fprintln(t, strings.Join(cells, "\t")+"\t")
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// caseFields are the heads of the columns that describe a case.
var caseFields = []string{"scenario", "table", "eroutes", "traffic", "CPUs"}

// caseHeads names the fields that any of the cases has.
func caseHeads(cases []Case) (heads []string) {
	for i, head := range caseFields {
		for _, c := range cases {
			if part(c, i) != "" {
				heads = append(heads, head)
				break
			}
		}
	}
	return heads
}

func caseCells(c Case, cases []Case) (cells []string) {
	for i := range caseFields {
		for _, other := range cases {
			if part(other, i) != "" {
				cells = append(cells, part(c, i))
				break
			}
		}
	}
	return cells
}

func part(c Case, i int) string {
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprint(n)
	}
	return []string{c.Scenario, c.Table, number(c.Eroutes), c.Traffic, number(c.CPUs)}[i]
}

func (s *Set) cell(c Case, subject string) string {
	f, ok := s.Get(c, subject)
	if !ok {
		return "-"
	}
	if s.Rounds == 1 {
		return short(f.Median)
	}
	return fmt.Sprintf("%s ±%.0f%%", short(f.Median), 50*(f.High-f.Low)/f.Median)
}

// short is a number with about three digits.
func short(v float64) string {
	switch {
	case v >= 99.95:
		return fmt.Sprintf("%.0f", v)
	case v >= 9.995:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func (r ratio) String() string {
	if r.less != "" {
		return fmt.Sprintf("%s/%s, -%s", r.of, r.over, r.less)
	}
	return r.of + "/" + r.over
}

// ratio returns 0 if one of its parts was not measured.
func (s *Set) ratio(c Case, r ratio) float64 {
	a, okA := s.Get(c, r.of)
	b, okB := s.Get(c, r.over)
	less, okLess := s.Get(c, r.less)
	if !okA || !okB || r.less != "" && !okLess || b.Median == less.Median {
		return 0
	}
	return (a.Median - less.Median) / (b.Median - less.Median)
}

// overBase is the first subject's figure divided by that of the base scenario. It returns 0 if that was not
// measured.
func (s *Set) overBase(c Case, info sectionInfo) float64 {
	of, _ := s.Get(c, info.subjects[0])
	over, ok := s.Get(Case{Section: c.Section, Scenario: info.base}, info.subjects[0])
	if !ok {
		return 0
	}
	return of.Median / over.Median
}

func times(ratio float64) string {
	if ratio == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", ratio)
}
