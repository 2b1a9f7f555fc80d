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
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- runHealth(ctx, []string{"sh", "-c", "sh -c 'echo $$ >" + pid + "; sleep 1000; :'; :"})
	}()
	var child string
	eventually(t, "the command has not started", func() bool {
		text, _ := os.ReadFile(pid)
		child = strings.TrimSuffix(string(text), "\n")
		return child != string(text)
	})
	cancel()
	select {
	case err := <-ended:
		if err == nil || !strings.HasPrefix(err.Error(), "health command: ") {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("the command has not ended")
	}
	eventually(t, "a child process remains", func() bool {
		stat, err := os.ReadFile("/proc/" + child + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}

// eventually waits until a condition is true, and fails with a message if it is not.
func eventually(t *testing.T, message string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(message)
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
