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
	"slices"
	"strings"
	"time"
)

//go:embed suite.sh
var suiteScript string

// ErrTests means that a test failed or was skipped, or that there was none.
var ErrTests = errors.New("tests failed")

// Suite is the VM tests of some packages, which run one after the other in one VM.
type Suite struct {
	Packages []Package
	Run      string        // the pattern of -run; empty: every test that needs the VM
	Output   io.Writer     // gets what the tests print
	Log      *os.File      // gets the progress of building and booting
	Kernel   string        // as in [Guest]
	Timeout  time.Duration // of all tests
}

// Test builds the test binaries, boots the VM and runs them. Returns ErrTests,
// or an error of Guest.Run.
func (s Suite) Test(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "eroute-vm-tests-")
	if err != nil {
		return fmt.Errorf("create directory: %w", err)
	}
	defer os.RemoveAll(dir)
	var list strings.Builder
	for i, p := range s.Packages {
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

	count := tally{out: s.Output}
	code, err := Guest{
		Command: []string{"bash", script, listPath, "-test.v", "-test.timeout=" + s.Timeout.String()},
		Dir:     dir, Env: settings(os.Environ()), Output: &count, Log: s.Log, Kernel: s.Kernel, Timeout: s.Timeout + time.Minute,
	}.Run(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Output, "vm: %d passed, %d failed, %d skipped\n", count.passed, count.failed, count.skipped)
	if code != 0 || count.failed+count.skipped > 0 || count.passed == 0 {
		return fmt.Errorf("test in VM: %w", ErrTests)
	}
	return nil
}

// settings are those variables of an environment that tests read.
func settings(env []string) []string {
	return slices.DeleteFunc(env, func(v string) bool { return !strings.HasPrefix(v, "EROUTE_TEST_") })
}

// pattern selects the tests of a package.
func (s Suite) pattern(p Package) string {
	if s.Run != "" {
		return s.Run
	}
	return "^(" + strings.Join(p.Tests, "|") + ")$"
}

// build compiles a package's tests into a binary that needs nothing of the host.
func build(ctx context.Context, p Package, binary string) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-tags=vm", "-o", binary, p.ImportPath)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build tests of %s: %w", p.ImportPath, err)
	}
	return nil
}
