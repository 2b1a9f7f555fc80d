// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

//go:embed suite.sh
var suiteScript string

// run runs the parts of a suite, some at the same time, and reports the results of all.
func (s Suite) run(ctx context.Context, dir string, binaries map[string]string, parts []Suite) error {
	var (
		output = shared{out: s.Output}
		shown  = s.showProgress(parts)
		counts = make([]tally, len(parts))
		errs   = make([]error, len(parts))
		places = make(chan struct{}, atOnce)
		vms    sync.WaitGroup
	)
	for i, part := range parts {
		count := &counts[i]
		*count = tally{out: s.Output, ended: shown}
		if len(parts) > 1 {
			count.out = &blocks{out: &output}
		}
		if part.alone {
			vms.Wait()
		}
		places <- struct{}{} // in order
		vms.Go(func() {
			defer func() { <-places }()
			errs[i] = part.logged(i > 0, func(log *os.File) error {
				part.Log = log
				return part.test(ctx, filepath.Join(dir, fmt.Sprint(i)), binaries, count)
			})
			if b, ok := count.out.(*blocks); ok {
				b.flush()
			}
		})
	}
	vms.Wait()

	var sum tally
	for _, count := range counts {
		for _, line := range count.failures { // again, where they are easily found
			fmt.Fprintln(s.Output, line)
		}
		sum.passed, sum.failed, sum.skipped = sum.passed+count.passed, sum.failed+count.failed, sum.skipped+count.skipped
	}
	fmt.Fprintf(s.Output, "vm: %d passed, %d failed, %d skipped\n", sum.passed, sum.failed, sum.skipped)
	return errors.Join(errs...)
}

// logged calls test with the log. The log of a VM that runs while another one does is shown when it ends: their lines
// would mix.
func (s Suite) logged(later bool, test func(log *os.File) error) error {
	if !later {
		return test(s.Log)
	}
	log, err := os.CreateTemp("", "eroute-vm-log-")
	if err != nil {
		return fmt.Errorf("create log: %w", err)
	}
	defer os.Remove(log.Name())
	defer log.Close()
	err = test(log)
	if text, err := os.ReadFile(log.Name()); err == nil {
		_, _ = s.Log.Write(text)
	}
	return err
}

// test boots the VM and runs the tests of a part.
func (s Suite) test(ctx context.Context, dir string, binaries map[string]string, count *tally) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("create directory: %w", err)
	}
	var list strings.Builder
	for _, p := range s.Packages {
		if s.noIPv6 && len(s.selected(p)) == 0 {
			continue
		}
		fmt.Fprintf(&list, "%s\t%s\t%s\t%s\n", p.ImportPath, p.Dir, binaries[p.ImportPath], s.pattern(p))
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
	count.progress = stall.progress
	command := []string{"bash", script, listPath, "-test.v", "-test.timeout=" + (mostTests * s.Timeout).String()}
	if skip := s.skipped(); skip != "" {
		command = append(command, "-test.skip="+skip)
	}
	code, err := Guest{
		Command: command, Dir: dir, Env: settings(os.Environ()), Output: count, Log: s.Log,
		Kernel: s.Kernel, NoIPv6: s.noIPv6, Timeout: mostTests*s.Timeout + time.Minute,
	}.Run(ctx)
	if err != nil {
		return err
	}
	if code != 0 || count.failed+count.skipped > 0 || count.passed == 0 {
		return fmt.Errorf("test in VM: %w", ErrTests)
	}
	return nil
}

// showProgress returns a function that shows on the log how many of all tests have ended.
func (s Suite) showProgress(parts []Suite) func() {
	var (
		mu             sync.Mutex
		start          = time.Now()
		planned, ended int
	)
	for _, part := range parts {
		planned += part.planned()
	}
	return func() {
		mu.Lock()
		defer mu.Unlock()
		ended++
		fmt.Fprintf(s.Log, "vm: %d of %d tests, after %v\n", ended, max(planned, ended), time.Since(start).Round(time.Second))
	}
}

// shared is an output for several VMs.
type shared struct {
	mu  sync.Mutex
	out io.Writer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}
