// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A suite may take any time as long as its tests make progress; one without progress ends the run and is
// named.
func TestStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, s := watchStall(t.Context(), time.Hour, time.Minute)
		defer s.stop()
		count := tally{out: io.Discard, progress: s.progress}
		lines := []string{"=== RUN   TestA\n", "=== RUN   TestA/sub\n", "--- PASS: TestA (1.00s)\n", "=== RUN   TestB\n"}
		time.Sleep(59 * time.Minute) // booting
		for range 100 {
			for _, line := range lines {
				if _, err := io.WriteString(&count, line); err != nil {
					t.Fatal(err)
				}
				time.Sleep(50 * time.Second)
			}
		}
		if ctx.Err() != nil {
			t.Fatalf("ended after 83 minutes of progress: %v", context.Cause(ctx))
		}
		if _, err := io.WriteString(&count, "output of TestB\n"); err != nil { // no progress
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		if err := context.Cause(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "RUN   TestB") {
			t.Errorf("ended with %v, want one that names TestB", err)
		}
	})
}

// Each test that ends is counted among all tests.
func TestShowsProgress(t *testing.T) {
	log, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	s := Suite{Packages: []Package{{Tests: []string{"TestA", "TestB"}}, {Tests: []string{"TestC"}}}, Log: log}
	count := tally{out: io.Discard, ended: s.showProgress([]Suite{s})}
	for _, line := range []string{"=== RUN   TestA\n", "--- PASS: TestA (1.00s)\n", "    --- SKIP: TestA/sub (0.00s)\n", "--- FAIL: TestC (1.00s)\n"} {
		if _, err := io.WriteString(&count, line); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(log.Name())
	if err != nil {
		t.Fatal(err)
	}
	if want := "vm: 1 of 3 tests, after 0s\nvm: 2 of 3 tests, after 0s\n"; string(text) != want {
		t.Errorf("%q, want %q", text, want)
	}
	for run, want := range map[string]int{"": 3, "^TestA$": 1, "Test[AC]": 2, "TestB/sub": 1, "TestOther": 0} {
		s.Run = run
		if got := s.planned(); got != want {
			t.Errorf("-run %s: %d tests, want %d", run, got, want)
		}
	}
}
