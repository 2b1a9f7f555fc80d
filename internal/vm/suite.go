// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ErrTests means that a test failed or was skipped, or that there was none.
var ErrTests = errors.New("tests failed")

// Suite is the VM tests of some packages, which run one after the other. If all tests run, those of the largest
// package are in a VM of their own, and the others in another one at the same time. Those whose names begin with
// TestNoIPv6 run in a VM whose kernel is booted without IPv6, those with TestNewKernel only on a kernel that is named.
type Suite struct {
	Packages []Package
	Run      string        // the pattern of -run; empty: every test that needs the VM
	Output   io.Writer     // receives the tests' output
	Log      *os.File      // receives the progress of building and booting
	Kernel   string        // as in [Guest]
	Timeout  time.Duration // without a test that begins or ends

	noIPv6 bool // the tests of the VM without IPv6
}

// noIPv6Prefix begins the names of the tests for a kernel booted without IPv6.
const noIPv6Prefix = "TestNoIPv6"

// newKernelPrefix begins the names of the tests of features that the default kernel does not have.
const newKernelPrefix = "TestNewKernel"

// mostTests limits the time of all tests together, in Timeouts: a bound for a suite that makes progress for
// ever.
const mostTests = 12

// atOnce is how many VMs run at the same time: one takes little more than one CPU of a test machine's two.
const atOnce = 2

// Test builds the test binaries, boots the VMs that have a selected test and runs the tests. Returns ErrTests, or an
// error of Guest.Run.
func (s Suite) Test(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "eroute-vm-tests-")
	if err != nil {
		return fmt.Errorf("create directory: %w", err)
	}
	defer os.RemoveAll(dir)
	parts := s.parts()
	binaries, err := s.build(ctx, dir, parts)
	if err != nil {
		return err
	}
	return s.run(ctx, dir, binaries, parts)
}

// parts returns the tests of each VM. The largest package comes first: the short VMs run while its first tests do,
// and have ended before those that measure time and order.
func (s Suite) parts() (parts []Suite) {
	off := s
	off.noIPv6 = true
	largest, others := s.largest()
	switch {
	case s.Run == "" && largest.planned() > 0 && others.planned() > 0:
		parts = []Suite{largest, others}
	case s.planned() > 0 || off.planned() == 0:
		parts = []Suite{s}
	}
	if off.planned() > 0 {
		parts = append(parts, off)
	}
	return parts
}

// largest divides the packages into the one with the most tests and the others.
func (s Suite) largest() (largest, others Suite) {
	largest, others = s, s
	at := 0
	for i, p := range s.Packages {
		if len(s.selected(p)) > len(s.selected(s.Packages[at])) {
			at = i
		}
	}
	largest.Packages = s.Packages[at : at+1]
	others.Packages = slices.Delete(slices.Clone(s.Packages), at, at+1)
	return largest, others
}

// planned is the number of tests.
func (s Suite) planned() (n int) {
	for _, p := range s.Packages {
		n += len(s.selected(p))
	}
	return n
}

// selected returns the names of a package's tests that run in this VM.
func (s Suite) selected(p Package) (tests []string) {
	name, _, _ := strings.Cut(s.Run, "/") // of a subtest, which is part of a test
	for _, test := range p.Tests {
		if strings.HasPrefix(test, noIPv6Prefix) != s.noIPv6 || s.Kernel == "" && strings.HasPrefix(test, newKernelPrefix) {
			continue
		}
		if matches, err := regexp.MatchString(name, test); err == nil && matches {
			tests = append(tests, test)
		}
	}
	return tests
}

// skipped is the pattern of the tests that do not run in this VM.
func (s Suite) skipped() string {
	var prefixes []string
	if !s.noIPv6 {
		prefixes = append(prefixes, noIPv6Prefix)
	}
	if s.Kernel == "" {
		prefixes = append(prefixes, newKernelPrefix)
	}
	if len(prefixes) == 0 {
		return ""
	}
	return "^(" + strings.Join(prefixes, "|") + ")"
}

// settings are the environment's variables that tests read.
func settings(env []string) []string {
	return slices.DeleteFunc(env, func(v string) bool { return !strings.HasPrefix(v, "EROUTE_TEST_") })
}

// pattern selects the tests of a package.
func (s Suite) pattern(p Package) string {
	if s.Run != "" && !s.noIPv6 {
		return s.Run
	}
	return "^(" + strings.Join(s.selected(p), "|") + ")$"
}

// build compiles the tests of all parts into static binaries in dir. Returns their paths by package.
func (s Suite) build(ctx context.Context, dir string, parts []Suite) (map[string]string, error) {
	binaries := map[string]string{}
	for _, part := range parts {
		for _, p := range part.Packages {
			if binaries[p.ImportPath] != "" || part.noIPv6 && len(part.selected(p)) == 0 {
				continue
			}
			binary := filepath.Join(dir, fmt.Sprintf("%d.test", len(binaries)))
			fmt.Fprintf(s.Log, "vm: building the tests of %s\n", p.ImportPath)
			cmd := exec.CommandContext(ctx, "go", "test", "-c", "-tags=vm", "-o", binary, p.ImportPath)
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
			cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
			if err := cmd.Run(); err != nil {
				return nil, fmt.Errorf("build tests of %s: %w", p.ImportPath, err)
			}
			binaries[p.ImportPath] = binary
		}
	}
	return binaries, nil
}
