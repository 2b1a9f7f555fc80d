// SPDX-License-Identifier: Apache-2.0

package figures

import (
	"bytes"
	"strings"
	"testing"
)

func TestAdd(t *testing.T) {
	var s Set
	c := Case{Section: Verdict, Table: "hub v4", Eroutes: 1000, Traffic: "uniform"}
	s.Add(c, Rounds{"hash": {50, 10, 30, 20, 40}, "verdict": {60}, "lpm": nil})
	if f, ok := s.Get(c, "hash"); !ok || f.Median != 30 || f.Low != 20 || f.High != 40 {
		t.Errorf("hash: %+v, %v", f, ok)
	}
	if _, ok := s.Get(c, "lpm"); ok {
		t.Error("a subject without rounds was measured")
	}
	if r := s.ratio(c, ratio{"verdict", "hash", ""}); r != 2 {
		t.Errorf("ratio %v, want 2", r)
	}
	s.Add(c, Rounds{"walk": {10}})
	if r := s.ratio(c, ratio{"verdict", "hash", "walk"}); r != 2.5 {
		t.Errorf("ratio without the walk %v, want 2.5", r)
	}
	if r := s.ratio(c, ratio{"tries", "hash", ""}); r != 0 {
		t.Errorf("ratio of what was not measured %v, want 0", r)
	}
	var b bytes.Buffer
	if err := s.printSection(&b, Verdict); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.Contains(got, "30.0 ±33%") || !strings.Contains(got, "2.00") || strings.Contains(got, "CPUs") {
		t.Errorf("printed:\n%s", got)
	}
}

func TestOverBase(t *testing.T) {
	var s Set
	pass := Case{Section: Instructions, Scenario: "%pass eroutes", Eroutes: 1}
	s.Add(pass, Rounds{"packet": {3000}})
	if r := s.overBase(pass, section(Instructions)); r != 0 {
		t.Errorf("over a base that was not measured: %v, want 0", r)
	}
	s.Add(Case{Section: Instructions, Scenario: Plain}, Rounds{"packet": {2000}})
	if r := s.overBase(pass, section(Instructions)); r != 1.5 {
		t.Errorf("over the base: %v, want 1.5", r)
	}
	var b bytes.Buffer
	if err := s.printSection(&b, Instructions); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.Contains(got, "scenario") || !strings.Contains(got, "over plain") || strings.Contains(got, "table") {
		t.Errorf("printed:\n%s", got)
	}
}

func TestGoals(t *testing.T) {
	atMost, atLeast := goal{limit: 2}, goal{limit: 0.5, atLeast: true}
	for _, test := range []struct {
		goal   goal
		values []float64
		worst  float64
		met    bool
	}{
		{atMost, []float64{1, 3, 0, 2}, 3, false},
		{atMost, []float64{1, 2}, 2, true},
		{atLeast, []float64{0.6, 0.4, 0, 0.9}, 0.4, false},
		{atLeast, []float64{0.5}, 0.5, true},
		{atLeast, []float64{0}, 0, false},
	} {
		test.goal.points = func(*Set) (points []point) {
			for _, v := range test.values {
				points = append(points, point{value: v})
			}
			return points
		}
		worst, met := test.goal.judge(nil)
		if worst.value != test.worst || met != test.met {
			t.Errorf("%v, at least %v: worst %v, met %v", test.values, test.goal.atLeast, worst.value, met)
		}
	}
}
