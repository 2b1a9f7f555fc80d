// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Package is a Go package with tests that need the VM.
type Package struct {
	ImportPath string
	Dir        string   // absolute
	Tests      []string // names of the tests in files with the constraint vm, sorted
	alone      []string // those of them whose doc comment has aloneDirective
}

// aloneDirective, in the doc comment of a test that measures time or order, keeps other VMs from running at the same time.
const aloneDirective = "//vm:alone"

// listed is go list's output about a package.
type listed struct {
	ImportPath   string
	Dir          string
	TestGoFiles  []string
	XTestGoFiles []string
}

// FindPackages returns the packages that match the go command's patterns and have tests in files selected
// only by the build tag vm.
func FindPackages(ctx context.Context, patterns ...string) ([]Package, error) {
	without, err := goList(ctx, nil, patterns)
	if err != nil {
		return nil, err
	}
	with, err := goList(ctx, []string{"-tags=vm"}, patterns)
	if err != nil {
		return nil, err
	}
	onHost := map[string]bool{}
	for _, l := range without {
		for _, path := range l.testFiles() {
			onHost[path] = true
		}
	}
	var found []Package
	for _, l := range with {
		p := Package{ImportPath: l.ImportPath, Dir: l.Dir}
		for _, path := range l.testFiles() {
			if onHost[path] {
				continue
			}
			names, alone, err := testNames(path)
			if err != nil {
				return nil, err
			}
			p.Tests, p.alone = append(p.Tests, names...), append(p.alone, alone...)
		}
		if len(p.Tests) > 0 {
			slices.Sort(p.Tests)
			found = append(found, p)
		}
	}
	return found, nil
}

func (l listed) testFiles() []string {
	var paths []string
	for _, name := range slices.Concat(l.TestGoFiles, l.XTestGoFiles) {
		paths = append(paths, filepath.Join(l.Dir, name))
	}
	return paths
}

func goList(ctx context.Context, flags, patterns []string) ([]listed, error) {
	args := slices.Concat([]string{"list", "-e", "-json=ImportPath,Dir,TestGoFiles,XTestGoFiles"}, flags, patterns)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("parse go list: %w", err)
		}
		all = append(all, l)
	}
}

// testNames returns the names of the test functions in a file, and of those among them that run alone.
func testNames(path string) (names, alone []string, err error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution|parser.ParseComments)
	if err != nil {
		return nil, nil, fmt.Errorf("parse test file: %w", err)
	}
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") || f.Name.Name == "TestMain" {
			continue
		}
		names = append(names, f.Name.Name)
		if f.Doc != nil && slices.ContainsFunc(f.Doc.List, func(c *ast.Comment) bool { return c.Text == aloneDirective }) {
			alone = append(alone, f.Name.Name)
		}
	}
	return names, alone, nil
}
