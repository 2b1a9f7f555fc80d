// SPDX-License-Identifier: Apache-2.0

// Package testman checks the manual pages of a command.
package testman

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"

	"github.com/ipsec-eroute/eroute/internal/manpages"
)

func pages(t *testing.T, root *cobra.Command, dir string) map[string][]byte {
	t.Helper()
	pages, err := manpages.Pages(root, dir)
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// Current checks that the pages of a command tree in dir match its help texts.
func Current(t *testing.T, root *cobra.Command, dir string) {
	t.Helper()
	pages := pages(t, root, dir)
	for name, page := range pages {
		if there, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(there, page) {
			t.Errorf("docs/man/%s is out of date: run make docs (%v)", name, err)
		}
	}
	files, err := manpages.Files(root, dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if pages[file] == nil {
			t.Errorf("docs/man/%s is the page of no command: run make docs", file)
		}
	}
}

// Clean checks that mandoc reports nothing about the pages.
func Clean(t *testing.T, root *cobra.Command, dir string) {
	t.Helper()
	for name, page := range pages(t, root, dir) {
		cmd := exec.Command("mandoc", "-Tlint", "-Wwarning")
		cmd.Stdin = bytes.NewReader(page)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
