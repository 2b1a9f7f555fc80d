// SPDX-License-Identifier: Apache-2.0

package docblocks

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	got, err := parse("text\n```sh east\na\n\nb\n```\n    indented\n```conf west /etc/x\nc\n```\n")
	want := []Block{
		{Language: "sh", Words: []string{"east"}, Text: "a\n\nb\n", Line: 2},
		{Language: "conf", Words: []string{"west", "/etc/x"}, Text: "c\n", Line: 8},
	}
	if err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%v: %s", err, cmp.Diff(want, got))
	}
	for _, wrong := range []string{"```sh\na\n```\n", "```\na\n```\n", "```sh east\na\n"} {
		if got, err := parse(wrong); err == nil {
			t.Errorf("parse(%q) = %v, want an error", wrong, got)
		}
	}
}

func TestBlocks(t *testing.T) {
	for _, name := range []string{"tutorial.md", "existing-gateway.md", "migration.md", "changes.md"} {
		if blocks, err := Blocks(name); err != nil || len(blocks) == 0 {
			t.Errorf("%s: %d blocks, %v", name, len(blocks), err)
		}
	}
	if _, err := Blocks("no such.md"); err == nil {
		t.Error("no error for a document that is not there")
	}
}
