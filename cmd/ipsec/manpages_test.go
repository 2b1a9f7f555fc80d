// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"

	"github.com/ipsec-eroute/eroute/internal/manpages"
)

// manDir is the directory of the manual pages.
const manDir = "../../docs/man"

func manRoot() *cobra.Command {
	return newRoot(&command{env: testEnv(nil, io.Discard, io.Discard)})
}

func manPages(t *testing.T) map[string][]byte {
	pages, err := manpages.Pages(manRoot(), manDir)
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// TestManPagesAreCurrent checks that the manual pages match the help texts.
func TestManPagesAreCurrent(t *testing.T) {
	pages := manPages(t)
	for name, page := range pages {
		if there, err := os.ReadFile(filepath.Join(manDir, name)); err != nil || !bytes.Equal(there, page) {
			t.Errorf("docs/man/%s is out of date: run make docs (%v)", name, err)
		}
	}
	files, err := manpages.Files(manRoot(), manDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if pages[file] == nil {
			t.Errorf("docs/man/%s is the page of no command: run make docs", file)
		}
	}
}

// TestManPagesAreClean checks that mandoc reports nothing.
func TestManPagesAreClean(t *testing.T) {
	for name, page := range manPages(t) {
		cmd := exec.Command("mandoc", "-Tlint", "-Wwarning")
		cmd.Stdin = bytes.NewReader(page)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
