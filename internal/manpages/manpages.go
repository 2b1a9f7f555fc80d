// SPDX-License-Identifier: Apache-2.0

// Package manpages makes the manual pages in docs/man: one in section 8 for each command, from
// its help, and ipsec_eroute(5) from Markdown.
package manpages

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// Pages returns all pages of a command tree by file name. dir holds the Markdown of
// ipsec_eroute(5).
func Pages(root *cobra.Command, dir string) (map[string][]byte, error) {
	pages := map[string][]byte{name(root) + ".8": page(root)}
	for _, cmd := range commands(root) {
		pages[name(cmd)+".8"] = page(cmd)
	}
	table, err := os.ReadFile(filepath.Join(dir, "ipsec_eroute.5.md"))
	if err != nil {
		return nil, err
	}
	pages["ipsec_eroute.5"] = render("ipsec_eroute", "5", table)
	return pages, nil
}

// Write writes all pages to dir and removes those of commands that no longer exist.
func Write(root *cobra.Command, dir string) error {
	pages, err := Pages(root, dir)
	if err != nil {
		return err
	}
	files, err := Files(dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		if pages[file] == nil {
			if err := os.Remove(filepath.Join(dir, file)); err != nil {
				return err
			}
		}
	}
	for file, page := range pages {
		if err := os.WriteFile(filepath.Join(dir, file), page, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Files returns the names of the pages in dir.
func Files(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.[0-9]"))
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	return files, err
}
