// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// TestChunks checks that lines are complete, in order and correctly numbered, for any read sizes.
func TestChunks(t *testing.T) {
	var text strings.Builder
	for n := 1; text.Len() < 3*chunkSize; n++ {
		fmt.Fprintf(&text, "%d\n\n# %d\n", 3*n-2, n)
	}
	for _, r := range []io.Reader{
		strings.NewReader(text.String()), iotest.HalfReader(strings.NewReader(text.String())),
		iotest.DataErrReader(strings.NewReader(text.String())), strings.NewReader(strings.TrimSuffix(text.String(), "\n")),
	} {
		next := 1
		for k := range chunks(r, "x") {
			err := k.each(func(number int, words []string) error {
				if number != next || len(words) != 1 || words[0] != fmt.Sprint(next) {
					return fmt.Errorf("%q, want line %d", words, next)
				}
				next += 3
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if want := strings.Count(text.String(), "#")*3 + 1; next != want {
			t.Errorf("read to line %d, want %d", next, want)
		}
	}
}

// TestChunksError checks that lines before a read error are processed before the error is returned.
func TestChunksError(t *testing.T) {
	broken := errors.New("broken")
	var lines []string
	var last error
	for k := range chunks(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), "x") {
		last = k.each(func(_ int, words []string) error {
			lines = append(lines, words...)
			return nil
		})
	}
	if got := strings.Join(lines, " "); got != "a b" || !errors.Is(last, broken) {
		t.Errorf("lines %q, error %v", got, last)
	}
}

// TestBatchFirstWrongLine checks that the first invalid line is reported, although later ones are parsed
// concurrently.
func TestBatchFirstWrongLine(t *testing.T) {
	good := strings.Repeat("--replace --src 10.0.0.0/8 --dst 10.1.0.0/16 --said %drop\n", 4*chunkSize/60)
	text := good + "--wrong\n" + good + strings.Repeat("--worse\n", chunkSize)
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
