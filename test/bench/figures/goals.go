// SPDX-License-Identifier: Apache-2.0

package figures

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// goal is a bound on some ratios or figures; the worst of them counts.
type goal struct {
	what    string
	limit   float64
	atLeast bool
	points  func(*Set) []point
}

// point is one value of a goal: 0 if it was not measured.
type point struct {
	name  string
	value float64
}

var goals = []goal{
	{"1k hot flows, 100k eroutes: whole XDP program over the parsing one", 2, false, func(s *Set) []point {
		return each([]string{"v4", "v6"}, func(f string) float64 {
			return s.ratio(Case{Section: Program, Table: "hub " + f, Eroutes: 100000, Traffic: "1k hot flows"}, ratio{"eroute", "parse", ""})
		})
	}},
	{"uniform, hub and mesh, v4: a verdict over a hash lookup", 1.5, false, func(s *Set) []point { return s.uniform("v4") }},
	{"uniform, hub and mesh, v6: a verdict over a hash lookup", 2, false, func(s *Set) []point { return s.uniform("v6") }},
	{"nested 100k with ports, hits: a verdict over a hash lookup", 4, false, func(s *Set) []point {
		return s.nested("uniform", "1k hot flows", "90% hot, 10% uniform")
	}},
	{"nested 100k with ports, misses of all kinds: over a hash lookup", 10, false, func(s *Set) []point {
		return s.nested("near misses", "crossed", "misses")
	}},
	{"hot flows: a verdict at 1M over one at 1k", 1.3, false, func(s *Set) []point {
		return each([]string{"hub v4", "mesh v4", "nested v4", "hub v6", "mesh v6", "nested v6"}, func(table string) float64 {
			return s.over(Case{Section: Verdict, Table: table, Eroutes: 1000000, Traffic: "1k hot flows"}, 1000, "verdict")
		})
	}},
	{"dropped on veth at 100k, 1k hot flows: over a bare XDP_DROP", 0.7, true, func(s *Set) []point { return s.dropped("1k hot flows", "bare") }},
	{"dropped on veth at 100k, uniform: over a bare XDP_DROP", 0.5, true, func(s *Set) []point { return s.dropped("uniform", "bare") }},
	{"dropped on veth at 100k: over the kernel's block policies", 5, true, func(s *Set) []point {
		return append(s.dropped("1k hot flows", "xfrm"), s.dropped("uniform", "xfrm")...)
	}},
	{"load 100k eroutes: ip -batch of as many policies over it", 5, true, func(s *Set) []point {
		return []point{{"", s.ratio(Case{Section: Change, Eroutes: 100000}, ratio{"ip-batch", "batch", ""})}}
	}},
	{"load 1M eroutes: a second", 300000, true, func(s *Set) []point {
		f, ok := s.Get(Case{Section: Change, Eroutes: 1000000}, "batch")
		if !ok {
			return []point{{}}
		}
		return []point{{"", 1e9 / f.Median}}
	}},
	{"one add at 1M over one add at 1", 1.5, false, func(s *Set) []point {
		return []point{{"", s.ratio(Case{Section: Change, Eroutes: 1000000}, ratio{"add", "add-at-1", ""})}}
	}},
	{"bytes per eroute in the kernel at 1M, without counters", 256, false, func(s *Set) []point {
		return each([]string{"hub v4", "mesh v4", "nested v4", "hub v6", "mesh v6", "nested v6"}, func(table string) float64 {
			f, _ := s.Get(Case{Section: Memory, Table: table, Eroutes: 1000000}, "table")
			return f.Median
		})
	}},
	{"two SAs by flow on two CPUs over one SA on one", 1.9, true, func(s *Set) []point { return s.onTwoCPUs(ByFlow, OneSA, OneCPU) }},
	{"an SA per CPU on two CPUs over one SA on one", 1.9, true, func(s *Set) []point { return s.onTwoCPUs(ByCPU, OneSA, OneCPU) }},
	{"an SA per CPU on two CPUs over the same of XFRM", 1, true, func(s *Set) []point { return s.onTwoCPUs(ByCPU, KernelByCPU, TwoCPUs) }},
}

func each(names []string, value func(name string) float64) (points []point) {
	for _, name := range names {
		points = append(points, point{name, value(name)})
	}
	return points
}

func (s *Set) uniform(family string) (points []point) {
	for _, n := range []int{100000, 1000000} {
		for _, table := range []string{"hub", "mesh"} {
			c := Case{Section: Verdict, Table: table + " " + family, Eroutes: n, Traffic: "uniform"}
			points = append(points, point{fmt.Sprintf("%s %d", table, n), s.ratio(c, ratio{"verdict", "hash", ""})})
		}
	}
	return points
}

func (s *Set) nested(traffics ...string) (points []point) {
	for _, family := range []string{"v4", "v6"} {
		for _, traffic := range traffics {
			c := Case{Section: Verdict, Table: "nested " + family, Eroutes: 100000, Traffic: traffic}
			points = append(points, point{family + " " + traffic, s.ratio(c, ratio{"verdict", "hash", ""})})
		}
	}
	return points
}

func (s *Set) dropped(traffic, over string) (points []point) {
	for cpus := range 2 {
		c := Case{Section: Drop, Table: "hub v4", Eroutes: 100000, Traffic: traffic, CPUs: cpus + 1}
		points = append(points, point{fmt.Sprintf("%s, %d CPU", traffic, cpus+1), s.ratio(c, ratio{"eroute", over, ""})})
	}
	return points
}

// over is a figure divided by the same with another number of eroutes.
func (s *Set) over(c Case, eroutes int, subject string) float64 {
	a, _ := s.Get(c, subject)
	c.Eroutes = eroutes
	b, ok := s.Get(c, subject)
	if !ok {
		return 0
	}
	return a.Median / b.Median
}

// onTwoCPUs is a scenario on two CPUs over another one, for each traffic.
func (s *Set) onTwoCPUs(scenario, over, cpus string) (points []point) {
	for _, c := range s.cases(CPUs) {
		if c.Scenario != scenario {
			continue
		}
		a, _ := s.Get(c, TwoCPUs)
		c.Scenario = over
		value := 0.0
		if b, ok := s.Get(c, cpus); ok {
			value = a.Median / b.Median
		}
		points = append(points, point{c.Traffic, value})
	}
	return points
}

// judge returns the worst of the points measured, and whether it is within the goal;
// the zero point if none was.
func (g goal) judge(s *Set) (worst point, met bool) {
	for _, p := range g.points(s) {
		if p.value != 0 && (worst.value == 0 || (p.value > worst.value) != g.atLeast) {
			worst = p
		}
	}
	return worst, (worst.value >= g.limit) == g.atLeast || worst.value == g.limit
}

// printGoals writes each goal with its worst value.
func (s *Set) printGoals(w io.Writer) error {
	if _, err := fmt.Fprintln(w, "\nGoals, and the worst case measured:"); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, g := range goals {
		bound := "at most "
		if g.atLeast {
			bound = "at least "
		}
		worst, met := g.judge(s)
		value, verdict := short(worst.value), "MISSED"
		switch {
		case worst.value == 0:
			value, verdict = "-", "not measured"
		case met:
			verdict = "met"
		}
		_, _ = fmt.Fprintln(t, strings.Join([]string{g.what, bound + short(g.limit), value, verdict, worst.name}, "\t"))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}
