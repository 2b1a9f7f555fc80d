// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
)

// TestBatchFirstWrongLine checks that the first invalid line is reported, although later ones are parsed
// concurrently.
func TestBatchFirstWrongLine(t *testing.T) {
	good := strings.Repeat("--replace --src 10.0.0.0/8 --dst 10.1.0.0/16 --said %drop\n", 4*erouteargs.ChunkSize/60)
	text := good + "--wrong\n" + good + strings.Repeat("--worse\n", erouteargs.ChunkSize)
	want := fmt.Sprintf("ipsec eroute: --batch -: line %d: unknown option \"--wrong\": see --help\n", strings.Count(good, "\n")+1)
	for range 20 {
		if status, _, stderr := runMemory(newMemory(), text, "eroute", "--batch", "-"); status != 1 || stderr != want {
			t.Fatalf("status %d, stderr %q, want %q", status, stderr, want)
		}
	}
}

// TestBatchEndless checks that an invalid line is reported at once, even if the input does not end.
func TestBatchEndless(t *testing.T) {
	r, w := io.Pipe()
	t.Cleanup(func() { _ = w.Close() })
	go func() { _, _ = io.WriteString(w, "--wrong\n") }()
	done := make(chan error, 1)
	go func() {
		c := &command{ctx: t.Context(), env: testEnv(r, io.Discard, io.Discard)}
		_, err := c.readBatch("--batch", "-")
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil {
			t.Error("a wrong line was taken")
		}
	case <-time.After(10 * time.Second):
		t.Error("waits for the end")
	}
}
