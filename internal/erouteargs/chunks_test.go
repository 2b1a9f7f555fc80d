// SPDX-License-Identifier: Apache-2.0

package erouteargs

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// TestChunks checks that lines are complete, in order and correctly numbered, for any read sizes.
func TestChunks(t *testing.T) {
	var text strings.Builder
	for n := 1; text.Len() < 3*ChunkSize; n++ {
		fmt.Fprintf(&text, "%d\n\n# %d\n", 3*n-2, n)
	}
	for _, r := range []io.Reader{
		strings.NewReader(text.String()), iotest.HalfReader(strings.NewReader(text.String())),
		iotest.DataErrReader(strings.NewReader(text.String())), strings.NewReader(strings.TrimSuffix(text.String(), "\n")),
	} {
		next := 1
		for k := range Chunks(r, "x") {
			err := k.Each(func(number int, words []string) error {
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
	for k := range Chunks(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), "x") {
		last = k.Each(func(_ int, words []string) error {
			lines = append(lines, words...)
			return nil
		})
	}
	if got := strings.Join(lines, " "); got != "a b" || !errors.Is(last, broken) {
		t.Errorf("lines %q, error %v", got, last)
	}
}
