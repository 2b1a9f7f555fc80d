// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A health command that does not end does not delay the agent, also if it has child processes that have its output
// open, and none of them remains.
func TestHealthCommandKilled(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := runHealth(ctx, []string{"sh", "-c", "sh -c 'echo $$ >" + pid + "; sleep 1000; :'; :"})
	if err == nil || !strings.Contains(err.Error(), "health command: ") {
		t.Error(err)
	}
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("took %v", d)
	}
	child, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	gone := func() bool {
		stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(child)) + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	}
	for deadline := time.Now().Add(10 * time.Second); !gone(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a child process remains")
		}
	}
}

// The output of a health command is the reason of its failure.
func TestHealthCommand(t *testing.T) {
	if err := runHealth(t.Context(), []string{"true"}); err != nil {
		t.Error(err)
	}
	const want = "health command: exit status 3: no sites"
	if err := runHealth(t.Context(), []string{"sh", "-c", "echo no sites; echo more; exit 3"}); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
