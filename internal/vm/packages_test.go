// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"slices"
	"testing"
)

func TestFindPackagesFindsOnlyTestsForTheVM(t *testing.T) {
	packages, err := FindPackages(t.Context(), "./...")
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) != 1 {
		t.Fatalf("%d packages: %v", len(packages), packages)
	}
	p := packages[0]
	if p.ImportPath != "github.com/ipsec-eroute/eroute/internal/vm" {
		t.Errorf("import path %s", p.ImportPath)
	}
	if !slices.Contains(p.Tests, "TestKernelTakesStates") || slices.Contains(p.Tests, t.Name()) {
		t.Errorf("tests %v", p.Tests)
	}
	if !slices.IsSorted(p.Tests) {
		t.Errorf("not sorted: %v", p.Tests)
	}
}

func TestSuitePatternIsExactUnlessOneIsGiven(t *testing.T) {
	p := Package{Tests: []string{"TestA", "TestB"}}
	if got := (Suite{}).pattern(p); got != "^(TestA|TestB)$" {
		t.Errorf("pattern %s", got)
	}
	if got := (Suite{Run: "A/sub"}).pattern(p); got != "A/sub" {
		t.Errorf("pattern %s", got)
	}
	p.Tests = append(p.Tests, "TestNoIPv6", "TestNoIPv6Sync")
	if got := (Suite{}).pattern(p); got != "^(TestA|TestB)$" {
		t.Errorf("pattern %s", got)
	}
	if got := (Suite{noIPv6: true}).pattern(p); got != "^(TestNoIPv6|TestNoIPv6Sync)$" {
		t.Errorf("pattern %s", got)
	}
	if got := (Suite{Run: "A|Sync", noIPv6: true}).pattern(p); got != "^(TestNoIPv6Sync)$" {
		t.Errorf("pattern %s", got)
	}
}

// Each test runs in one VM.
func TestSuiteDivide(t *testing.T) {
	s := Suite{Packages: []Package{
		{ImportPath: "a", Tests: []string{"TestA", "TestB", "TestC", "TestNoIPv6"}}, {ImportPath: "b", Tests: []string{"TestA"}},
	}}
	for run, want := range map[string]int{"": vms + 1, "TestA": 1, "TestC|TestNoIPv6": 2, "TestNoIPv6": 1} {
		s.Run = run
		parts := s.divide()
		if len(parts) != want {
			t.Errorf("-run %q: %d VMs, want %d", run, len(parts), want)
		}
		count := make(map[string]int)
		for _, part := range parts {
			for _, p := range part.Packages {
				for _, test := range part.selected(p) {
					count[p.ImportPath+"."+test]++
				}
			}
		}
		for test, n := range count {
			if n != 1 {
				t.Errorf("-run %q: %s runs %d times", run, test, n)
			}
		}
		if run == "" && len(count) != 5 {
			t.Errorf("%d tests run, want 5: %v", len(count), count)
		}
	}
}
