// SPDX-License-Identifier: Apache-2.0

// Package manpages makes the manual pages in docs/man: one in section 8 for each command, from
// its help, and those of section 5 from Markdown.
package manpages

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// Pages returns all pages of a command tree by file name. dir holds the Markdown of those of section 5.
func Pages(root *cobra.Command, dir string) (map[string][]byte, error) {
	pages := map[string][]byte{name(root) + ".8": page(root)}
	for _, cmd := range commands(root) {
		pages[name(cmd)+".8"] = page(cmd)
	}
	sources, err := filepath.Glob(filepath.Join(dir, name(root)+"_*.5.md"))
	if err != nil {
		return nil, err
	}
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			return nil, err
		}
		file := strings.TrimSuffix(filepath.Base(source), ".md")
		pages[file] = render(strings.TrimSuffix(file, ".5"), "5", text)
	}
	return pages, nil
}

// Write writes all pages of a command tree to dir and removes those of its commands that no longer exist.
func Write(root *cobra.Command, dir string) error {
	pages, err := Pages(root, dir)
	if err != nil {
		return err
	}
	files, err := Files(root, dir)
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

// Files returns the names of the pages of a command tree in dir.
func Files(root *cobra.Command, dir string) (files []string, err error) {
	all, err := filepath.Glob(filepath.Join(dir, "*.[0-9]"))
	for _, path := range all {
		file := filepath.Base(path)
		if of, _, _ := strings.Cut(strings.TrimSuffix(file, filepath.Ext(file)), "_"); of == name(root) {
			files = append(files, file)
		}
	}
	return files, err
}
