// SPDX-License-Identifier: Apache-2.0

// Package figures contains the results of a benchmark: it prints them, compares them with the goals and plots
// them.
package figures

import (
	"slices"
)

// Case is the subject of a measurement; fields that do not apply are zero.
type Case struct {
	Section  string `json:"section"`            // the name of one of Sections
	Scenario string `json:"scenario,omitempty"` // such as "plain"
	Table    string `json:"table,omitempty"`    // such as "hub v4"
	Eroutes  int    `json:"eroutes,omitempty"`  // in the table
	Traffic  string `json:"traffic,omitempty"`
	CPUs     int    `json:"cpus,omitempty"` // that processed packets
}

// Figure is one measurement of one subject, in the section's unit.
type Figure struct {
	Case
	Subject string  `json:"subject"`
	Median  float64 `json:"median"`
	Low     float64 `json:"low"` // the middle half of the rounds is between these
	High    float64 `json:"high"`
}

// Set is the results of one run.
type Set struct {
	Kernel  string   `json:"kernel"`
	VM      string   `json:"vm,omitempty"` // the kernel of the VM, if sections ran in it
	CPUs    int      `json:"cpus"`
	Rounds  int      `json:"rounds"`
	Figures []Figure `json:"figures"`
	Missing []string `json:"missing,omitempty"` // what could not be measured, with the reason
}

// Rounds is the results of each subject by round.
type Rounds map[string][]float64

// Add adds the medians of a case's rounds to the set. Subjects without rounds are omitted.
func (s *Set) Add(c Case, rounds Rounds) {
	for _, subject := range section(c.Section).subjects {
		if v := rounds[subject]; len(v) > 0 {
			sorted := slices.Sorted(slices.Values(v))
			n := len(sorted)
			s.Figures = append(s.Figures, Figure{c, subject, sorted[n/2], sorted[n/4], sorted[n*3/4]})
		}
	}
}

// Get returns the figure of a subject. Returns false if it was not measured.
func (s *Set) Get(c Case, subject string) (Figure, bool) {
	i := slices.IndexFunc(s.Figures, func(f Figure) bool { return f.Case == c && f.Subject == subject })
	if i < 0 {
		return Figure{}, false
	}
	return s.Figures[i], true
}

// cases returns the cases of a section, in the order measured.
func (s *Set) cases(section string) (all []Case) {
	for _, f := range s.Figures {
		if f.Section == section && !slices.Contains(all, f.Case) {
			all = append(all, f.Case)
		}
	}
	return all
}
