// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Shell scripts stand in for test binaries.
func TestSuiteScriptRunsAllAndFailsIfOneFails(t *testing.T) {
	dir := t.TempDir()
	pass, fail := filepath.Join(dir, "pass"), filepath.Join(dir, "fail")
	write(t, pass, "#!/bin/sh\necho \"pass $PWD $*\"; cat\n")
	write(t, fail, "#!/bin/sh\necho fail; exit 3\n")
	script, list := filepath.Join(dir, "suite.sh"), filepath.Join(dir, "list")
	write(t, script, strings.ReplaceAll(suiteScript, "/run/test.bin", filepath.Join(dir, "test.bin")))

	for _, test := range []struct{ list, want string }{
		{"a/fail\t/\t" + fail + "\t^A$\na/pass\t/usr\t" + pass + "\t^(B|C)$\n",
			`^fail\nFAIL\ta/fail\t\d+\.\d{3}s\npass /usr -test\.run=\^\(B\|C\)\$ -test\.v\nok  \ta/pass\t\d+\.\d{3}s\n$`},
		{"a/pass\t/\t" + pass + "\tD\n",
			`^pass / -test\.run=D -test\.v\nok  \ta/pass\t\d+\.\d{3}s\n$`},
	} {
		write(t, list, test.list)
		out, err := exec.Command("bash", script, list, "-test.v").CombinedOutput()
		if !regexp.MustCompile(test.want).Match(out) {
			t.Errorf("output %q does not match %s", out, test.want)
		}
		var exit *exec.ExitError
		if failed := errors.As(err, &exit); failed != strings.Contains(test.list, "a/fail") {
			t.Errorf("ended with %v", err)
		}
	}
}

// All tests together run in two VMs, one without IPv6 and one that runs alone, each test in one of them; selected tests
// run in one VM.
func TestParts(t *testing.T) {
	s := Suite{Packages: []Package{
		{ImportPath: "a", Tests: []string{"TestA"}},
		{ImportPath: "b", Tests: []string{"TestB", "TestC", "TestD", "TestOrder"}, alone: []string{"TestOrder"}},
		{ImportPath: "c", Tests: []string{"TestE", "TestNoIPv6", "TestNewKernel", "TestNewest"}},
	}}
	t.Setenv(NewestVariable, "")
	for _, test := range []struct{ kernel, run, want, skip string }{
		{"", "", "a ^(TestA)$, b ^(TestC)$, c ^(TestE)$; b ^(TestB|TestD)$; c ^(TestNoIPv6)$; alone b ^(TestOrder)$", "^(TestNoIPv6|TestNewKernel|TestNewest)"},
		{"", "TestB", "a TestB, b TestB, c TestB", "^(TestNoIPv6|TestNewKernel|TestNewest)"},
		{"", "TestOrder", "a TestOrder, b TestOrder, c TestOrder", "^(TestNoIPv6|TestNewKernel|TestNewest)"},
		{"", "NoIPv6", "c ^(TestNoIPv6)$", "^(TestNoIPv6|TestNewKernel|TestNewest)"},
		{"", "TestNone", "a TestNone, b TestNone, c TestNone", "^(TestNoIPv6|TestNewKernel|TestNewest)"},
		{"7.3", "", "a ^(TestA)$, b ^(TestC)$, c ^(TestE)$; b ^(TestB|TestD)$, c ^(TestNewKernel)$; c ^(TestNoIPv6)$; alone b ^(TestOrder)$",
			"^(TestNoIPv6|TestNewest)"},
		{"7.3", "TestNewKernel", "a TestNewKernel, b TestNewKernel, c TestNewKernel", "^(TestNoIPv6|TestNewest)"},
	} {
		s.Run, s.Kernel = test.run, test.kernel
		if skip := s.skipped(); skip != test.skip {
			t.Errorf("kernel %q: skips %s, want %s", test.kernel, skip, test.skip)
		}
		var parts []string
		for _, part := range s.parts() {
			var packages []string
			for _, p := range part.Packages {
				if part.noIPv6 && len(part.selected(p)) == 0 {
					continue
				}
				packages = append(packages, p.ImportPath+" "+part.pattern(p))
			}
			line := strings.Join(packages, ", ")
			if part.alone {
				line = "alone " + line
			}
			parts = append(parts, line)
		}
		if got := strings.Join(parts, "; "); got != test.want {
			t.Errorf("-run %q on kernel %q: %s, want %s", test.run, test.kernel, got, test.want)
		}
	}

	s.Run, s.Kernel = "TestNewest", ""
	if n := s.planned(); n != 0 {
		t.Errorf("%d tests run that need newer key managers, and there are none", n)
	}
	t.Setenv(NewestVariable, "forky")
	if n, skip := s.planned(), s.skipped(); n != 1 || skip != "^(TestNoIPv6|TestNewKernel)" {
		t.Errorf("with newer key managers %d tests run, those of %s do not", n, skip)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}
