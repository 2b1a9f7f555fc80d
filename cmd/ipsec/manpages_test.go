// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// manDir is where the pages are.
const manDir = "../../docs/man"

var update = flag.Bool("update", false, "write docs/man instead of checking it (make docs)")

// manPages is all pages, by file name.
func manPages(t *testing.T) map[string][]byte {
	root := newRoot(&command{env: testEnv(nil, io.Discard, io.Discard)})
	pages := map[string][]byte{manName(root) + ".8": manPage(root)}
	for _, cmd := range manCommands(root) {
		pages[manName(cmd)+".8"] = manPage(cmd)
	}
	table, err := os.ReadFile(filepath.Join(manDir, "ipsec_eroute.5.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages["ipsec_eroute.5"] = manRender("ipsec_eroute", "5", table)
	return pages
}

// The manual says what the commands do now.
func TestManPagesAreCurrent(t *testing.T) {
	pages := manPages(t)
	for name, page := range pages {
		file := filepath.Join(manDir, name)
		if *update {
			if err := os.WriteFile(file, page, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if there, err := os.ReadFile(file); err != nil || !bytes.Equal(there, page) {
			t.Errorf("docs/man/%s is not what make docs makes (%v)", name, err)
		}
	}
	files, err := filepath.Glob(filepath.Join(manDir, "*.[0-9]"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if pages[filepath.Base(file)] != nil {
			continue
		}
		if !*update {
			t.Errorf("docs/man/%s is the page of no command: make docs", filepath.Base(file))
		} else if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

// mandoc has nothing to object to.
func TestManPagesAreClean(t *testing.T) {
	for name, page := range manPages(t) {
		cmd := exec.Command("mandoc", "-Tlint", "-Wwarning")
		cmd.Stdin = bytes.NewReader(page)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
