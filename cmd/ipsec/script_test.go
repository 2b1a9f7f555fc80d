// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ipsec-eroute/eroute/internal/files"
	"github.com/ipsec-eroute/eroute/internal/schema"
)

// backend provides each script with a separate environment.
type backend interface {
	// openers sets the functions of e that open tables and devices.
	openers(e *env)
	// do calls f where the opened objects are valid.
	do(f func())
}

type backendKey struct{}

// TestScriptMemory runs the scripts with a table in memory.
func TestScriptMemory(t *testing.T) {
	runScripts(t, func(*testscript.Env) (backend, error) { return newMemory(), nil })
}

// TestScriptKernel runs the same scripts with the kernel's table, each in a separate network namespace. It needs
// CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_BPF.
func TestScriptKernel(t *testing.T) { runScripts(t, newKernelBackend) }

func runScripts(t *testing.T, newBackend func(*testscript.Env) (backend, error)) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			b, err := newBackend(e)
			e.Values[backendKey{}] = b
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ipsec":   scriptIpsec,
			"refused": scriptRefused,
		},
	})
}

// scriptIpsec is "ipsec [<FILE] ARGUMENT...". A command that is expected to fail must print a one-line error and
// leave the table unchanged; one that changes the table must be silent. The output of --json must match
// docs/schema.json.
func scriptIpsec(ts *testscript.TestScript, neg bool, args []string) {
	var stdin io.Reader = strings.NewReader("")
	if len(args) > 0 && strings.HasPrefix(args[0], "<") {
		stdin = strings.NewReader(ts.ReadFile(args[0][1:]))
		args = args[1:]
	}
	var stdout, stderr bytes.Buffer
	e := testEnv(stdin, &stdout, &stderr)
	e.openFile = func(name string) (io.ReadCloser, error) { return os.Open(ts.MkAbs(name)) }
	e.saveFile = func(name string, permissions fs.FileMode, write func(io.Writer) error) error {
		return files.Save(ts.MkAbs(name), permissions, write)
	}
	b := ts.Value(backendKey{}).(backend)
	b.openers(e)

	var status int
	var before, after []string
	b.do(func() {
		before = listing(ts, e)
		status = run(context.Background(), e, args)
		after = listing(ts, e)
	})
	_, _ = ts.Stdout().Write(stdout.Bytes())
	_, _ = ts.Stderr().Write(stderr.Bytes())

	switch {
	case !neg && status != 0:
		ts.Fatalf("status %d: %s", status, stderr.String())
	case !neg && isSilent(args) && stdout.Len()+stderr.Len() > 0:
		ts.Fatalf("success is not silent: %s%s", stdout.String(), stderr.String())
	case !neg && slices.Contains(args, "--json"):
		ts.Check(schema.Check(stdout.Bytes()))
	case neg && args[0] == "doctor" && slices.Contains(args, "--json") && stdout.Len() > 0: // findings, not a refusal
		ts.Check(schema.Check(stdout.Bytes()))
	case neg && args[0] == "doctor" && stdout.Len() > 0:
	case neg:
		ts.Check(checkRefusal(args, status, stdout.String(), stderr.String()))
		if !slices.Equal(before, after) {
			ts.Fatalf("refused, but the table changed from %q to %q", before, after)
		}
	}
}

// listing returns the lines of the table's listing.
func listing(ts *testscript.TestScript, e *env) (lines []string) {
	t, err := orEmptyTable(e.openRead())
	ts.Check(err)
	for row, err := range t.All() {
		ts.Check(err)
		lines = append(lines, row.String())
	}
	ts.Check(t.Close())
	return lines
}

// isSilent reports whether a command prints nothing on success.
func isSilent(args []string) bool {
	has := func(option string) bool { return slices.Contains(args, option) }
	if len(args) == 0 || args[0] != "eroute" || has("--debug") || has("--check") || has("--help") || has("--version") {
		return false
	}
	return slices.ContainsFunc([]string{"--add", "--replace", "--del", "--clear", "--sync", "--limit", "--restore"}, has) ||
		has("--batch") && !has("--lookup")
}

// checkRefusal checks the form of an error. It names the command, which an option may precede.
func checkRefusal(args []string, status int, stdout, stderr string) error {
	prefix := "ipsec: "
	for i, arg := range args {
		named := "ipsec " + arg + ": "
		if slices.Contains([]string{"eroute", "tncfg", "acquire", "monitor", "doctor", "completion", "help"}, arg) &&
			(i == 0 || strings.HasPrefix(args[0], "-") && strings.HasPrefix(stderr, named)) {
			prefix = named
			break
		}
	}
	if status != 1 || stdout != "" || !strings.HasPrefix(stderr, prefix) ||
		strings.Count(stderr, "\n") != 1 || !strings.HasSuffix(stderr, "\n") {
		return fmt.Errorf("want status 1 and one line on stderr after %q, got status %d, stdout %q, stderr %q",
			prefix, status, stdout, stderr)
	}
	return nil
}

// scriptRefused is "refused TEXT": the last command's stderr was this line.
func scriptRefused(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: refused TEXT")
	}
	if got := ts.ReadFile("stderr"); got != args[0]+"\n" {
		ts.Fatalf("stderr is\n%swant\n%s", got, args[0])
	}
}
