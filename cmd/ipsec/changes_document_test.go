// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipsec-eroute/eroute/internal/docblocks"
)

// TestChangesDocument checks that the examples of changes.md print the output shown there.
func TestChangesDocument(t *testing.T) {
	blocks, err := docblocks.Blocks("changes.md")
	if err != nil {
		t.Fatal(err)
	}
	type example struct {
		*memory
		files  map[string]string
		output string
		ran    int // number of commands
	}
	examples := map[string]*example{}
	for _, b := range blocks {
		x := examples[b.Words[0]]
		if x == nil {
			x = &example{memory: newMemory(), files: map[string]string{}}
			examples[b.Words[0]] = x
		}
		switch b.Language {
		case "conf":
			x.files[b.Words[1]] = b.Text
		case "sh":
			for line := range strings.Lines(b.Text) {
				words := strings.Fields(line)
				var out bytes.Buffer
				e := testEnv(strings.NewReader(""), &out, &out)
				x.openers(e)
				e.openFile = func(name string) (io.ReadCloser, error) {
					text, there := x.files[name]
					if !there {
						return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
					}
					return io.NopCloser(strings.NewReader(text)), nil
				}
				if words[0] != "ipsec" {
					t.Fatalf("line %d: %q is not of this program", b.Line, line)
				}
				run(context.Background(), e, words[1:])
				x.output += out.String()
				x.ran++
			}
		case "output":
			if diff := cmp.Diff(b.Text, x.output); diff != "" {
				t.Errorf("line %d (-want +got):\n%s", b.Line, diff)
			}
			x.output = ""
		}
	}
	for _, name := range []string{"merge", "prefix", "port"} {
		if x := examples[name]; x == nil || x.ran == 0 || x.output != "" {
			t.Errorf("example %s: missing, or its output is not in the document", name)
		}
	}
}
