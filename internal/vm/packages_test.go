// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"path/filepath"
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

func TestNamesOfTests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x_vm_test.go")
	write(t, path, `package x

func TestMain(m *testing.M) {}

// TestA is short.
func TestA(t *testing.T) {}

// TestB measures.
//
//vm:alone
func TestB(t *testing.T) {}

//vm:alone
func helper() {}
`)
	names, alone, err := testNames(path)
	if err != nil || !slices.Equal(names, []string{"TestA", "TestB"}) || !slices.Equal(alone, []string{"TestB"}) {
		t.Errorf("tests %v, alone %v: %v", names, alone, err)
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
