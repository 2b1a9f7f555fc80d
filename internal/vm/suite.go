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

// Suite is the VM tests of some packages, which run one after the other. If all tests run, two VMs have half of them
// each, and run at the same time; then one has the tests that run alone. Those whose names begin with TestNoIPv6 run in a
// VM whose kernel is booted without IPv6, those with TestNewKernel only on a kernel that is named, and those with
// TestNewest only with key managers of a Debian that is named.
type Suite struct {
	Packages []Package
	Run      string        // the pattern of -run; empty: every test that needs the VM
	Output   io.Writer     // receives the tests' output
	Log      *os.File      // receives the progress of building and booting
	Kernel   string        // as in [Guest]
	Timeout  time.Duration // without a test that begins or ends

	noIPv6 bool // the tests of the VM without IPv6
	alone  bool // no other VM runs at the same time
}

// noIPv6Prefix begins the names of the tests for a kernel booted without IPv6.
const noIPv6Prefix = "TestNoIPv6"

// newKernelPrefix begins the names of the tests of features that the default kernel does not have.
const newKernelPrefix = "TestNewKernel"

// newestPrefix begins the names of the tests of features that Debian 12's key managers do not have.
const newestPrefix = "TestNewest"

// NewestVariable names, in the environment, a Debian suite whose key managers run instead of Debian 12's: scripts/newest.sh
// sets it.
const NewestVariable = "EROUTE_TEST_KEY_MANAGERS"

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

// parts returns the tests of each VM, in the order in which they start.
func (s Suite) parts() (parts []Suite) {
	off := s
	off.noIPv6 = true
	if s.Run == "" {
		parts = s.halves()
	} else if s.planned() > 0 {
		parts = []Suite{s}
	}
	if off.planned() > 0 {
		parts = append(parts, off)
	}
	if alone := s.apart(); s.Run == "" && alone.planned() > 0 {
		parts = append(parts, alone)
	}
	if len(parts) == 0 {
		return []Suite{s} // which has no tests, and fails
	}
	return parts
}

// halves divides the tests that need not run alone, so that tests of one subject, whose names are alike and which take
// as long, are in both.
func (s Suite) halves() (halves []Suite) {
	for half := range atOnce {
		n := half
		tests := s.only(func(p Package, test string) bool {
			if slices.Contains(p.alone, test) {
				return false
			}
			n++
			return n%atOnce == 1
		})
		if tests.planned() > 0 {
			halves = append(halves, tests)
		}
	}
	return halves
}

// apart returns the tests that run alone.
func (s Suite) apart() Suite {
	tests := s.only(func(p Package, test string) bool { return slices.Contains(p.alone, test) })
	tests.alone = true
	return tests
}

// only returns the suite with some of its tests.
func (s Suite) only(some func(Package, string) bool) Suite {
	packages := s.Packages
	s.Packages = nil
	for _, p := range packages {
		all := Suite{Kernel: s.Kernel, noIPv6: s.noIPv6}.selected(p)
		p.Tests = slices.DeleteFunc(all, func(test string) bool { return !some(p, test) })
		if len(p.Tests) > 0 {
			s.Packages = append(s.Packages, p)
		}
	}
	return s
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
		if strings.HasPrefix(test, noIPv6Prefix) != s.noIPv6 || s.Kernel == "" && strings.HasPrefix(test, newKernelPrefix) ||
			os.Getenv(NewestVariable) == "" && strings.HasPrefix(test, newestPrefix) {
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
	if os.Getenv(NewestVariable) == "" {
		prefixes = append(prefixes, newestPrefix)
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
