// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"context"
	_ "embed"
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

//go:embed suite.sh
var suiteScript string

// ErrTests means that a test failed or was skipped, or that there was none.
var ErrTests = errors.New("tests failed")

// Suite is the VM tests of some packages, which run one after the other in one VM. Those whose names begin with
// TestNoIPv6 run in another one, whose kernel is booted without IPv6.
type Suite struct {
	Packages []Package
	Run      string        // the pattern of -run; empty: every test that needs the VM
	Output   io.Writer     // receives the tests' output
	Log      *os.File      // receives the progress of building and booting
	Kernel   string        // as in [Guest]
	Timeout  time.Duration // without a test that begins or ends

	noIPv6 bool // the suite of the second VM
}

// noIPv6Prefix begins the names of the tests for a kernel booted without IPv6.
const noIPv6Prefix = "TestNoIPv6"

// mostTests limits the time of all tests together, in Timeouts: a bound for a suite that makes progress for
// ever.
const mostTests = 12

// Test builds the test binaries, boots the VMs that have a selected test, one after the other, and runs the tests.
// Returns ErrTests, or an error of Guest.Run.
func (s Suite) Test(ctx context.Context) error {
	off := s
	off.noIPv6 = true
	switch {
	case off.planned() == 0:
		return s.test(ctx)
	case s.planned() == 0:
		return off.test(ctx)
	}
	return errors.Join(s.test(ctx), off.test(ctx))
}

func (s Suite) test(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "eroute-vm-tests-")
	if err != nil {
		return fmt.Errorf("create directory: %w", err)
	}
	defer os.RemoveAll(dir)
	var list strings.Builder
	for i, p := range s.Packages {
		if s.noIPv6 && len(s.selected(p)) == 0 {
			continue
		}
		binary := filepath.Join(dir, fmt.Sprintf("%d.test", i))
		fmt.Fprintf(s.Log, "vm: building the tests of %s\n", p.ImportPath)
		if err := build(ctx, p, binary); err != nil {
			return err
		}
		fmt.Fprintf(&list, "%s\t%s\t%s\t%s\n", p.ImportPath, p.Dir, binary, s.pattern(p))
	}
	listPath, script := filepath.Join(dir, "list"), filepath.Join(dir, "suite.sh")
	if err := os.WriteFile(listPath, []byte(list.String()), 0o644); err != nil {
		return fmt.Errorf("write list of tests: %w", err)
	}
	if err := os.WriteFile(script, []byte(suiteScript), 0o644); err != nil {
		return fmt.Errorf("write test script: %w", err)
	}

	ctx, stall := watchStall(ctx, bootTries*bootTimeout+s.Timeout, s.Timeout)
	defer stall.stop()
	count := tally{out: s.Output, progress: stall.progress, ended: s.showProgress(s.planned())}
	command := []string{"bash", script, listPath, "-test.v", "-test.timeout=" + (mostTests * s.Timeout).String()}
	if !s.noIPv6 {
		command = append(command, "-test.skip=^"+noIPv6Prefix)
	}
	code, err := Guest{
		Command: command, Dir: dir, Env: settings(os.Environ()), Output: &count, Log: s.Log,
		Kernel: s.Kernel, NoIPv6: s.noIPv6, Timeout: mostTests*s.Timeout + time.Minute,
	}.Run(ctx)
	if err != nil {
		return err
	}
	for _, line := range count.failures { // again, where they are easily found
		fmt.Fprintln(s.Output, line)
	}
	fmt.Fprintf(s.Output, "vm: %d passed, %d failed, %d skipped\n", count.passed, count.failed, count.skipped)
	if code != 0 || count.failed+count.skipped > 0 || count.passed == 0 {
		return fmt.Errorf("test in VM: %w", ErrTests)
	}
	return nil
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
		if strings.HasPrefix(test, noIPv6Prefix) != s.noIPv6 {
			continue
		}
		if matches, err := regexp.MatchString(name, test); err == nil && matches {
			tests = append(tests, test)
		}
	}
	return tests
}

// showProgress returns a function that shows on the log how many of the tests have ended.
func (s Suite) showProgress(planned int) func(ended int) {
	start := time.Now()
	return func(ended int) {
		fmt.Fprintf(s.Log, "vm: %d of %d tests, after %v\n", ended, max(planned, ended), time.Since(start).Round(time.Second))
	}
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

// build compiles a package's tests into a static binary.
func build(ctx context.Context, p Package, binary string) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-tags=vm", "-o", binary, p.ImportPath)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build tests of %s: %w", p.ImportPath, err)
	}
	return nil
}
