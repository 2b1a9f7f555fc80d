// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/emptytable"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// runMemory runs one command on m.
func runMemory(m *memory, stdin string, args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	e := testEnv(strings.NewReader(stdin), &out, &errs)
	m.openers(e)
	status = run(context.Background(), e, args)
	return status, out.String(), errs.String()
}

// TestMessagesAreOneLine checks that messages are one line, whatever the command line contains.
func TestMessagesAreOneLine(t *testing.T) {
	for _, args := range [][]string{
		{"eroute", "--label", "one\ntwo", "--foo"},
		{"eroute", "--foo\nbar"},
		{"eroute", "one\ntwo"},
		{"eroute", "--batch", "one\ntwo\x1b[31m"},
		{"eroute", "--add", "--src", "10.0.0.0\n/8", "--dst", "10.0.0.0/8", "--said", "%pass"},
		{"tncfg", "--detach", "--virtual", "ipsec0\n"},
		{"one\ntwo"},
	} {
		status, stdout, stderr := runMemory(newMemory(), "", args...)
		if err := checkRefusal(args, status, stdout, stderr); err != nil {
			t.Errorf("%q: %v", args, err)
		}
		if strings.ContainsRune(stderr, '\x1b') {
			t.Errorf("%q: control character in %q", args, stderr)
		}
	}
}

// TestKernelErrorsAreExplained checks that errors of the kernel are printed with a remedy.
func TestKernelErrorsAreExplained(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("open map: %w", unix.EPERM), "ipsec eroute: must be root (CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON), try sudo: open map: operation not permitted\n"},
		{fmt.Errorf("statfs: %w", unix.EACCES), "ipsec eroute: must be root (CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON), try sudo: statfs: permission denied\n"},
		{fmt.Errorf("load: %w", ebpf.ErrNotSupported), "ipsec eroute: no kernel support, use Linux 6.6 or later with CONFIG_BPF_SYSCALL, CONFIG_NET_XGRESS and CONFIG_MEMBARRIER: load: not supported\n"},
		{fmt.Errorf("bpf: %w", unix.ENOSYS), "ipsec eroute: no kernel support, use Linux 6.6 or later with CONFIG_BPF_SYSCALL, CONFIG_NET_XGRESS and CONFIG_MEMBARRIER: bpf: function not implemented\n"},
		{fmt.Errorf("load%w", &ebpf.VerifierError{Cause: unix.EINVAL, Log: []string{"back-edge from insn 156 to 157"}}), "ipsec eroute: no kernel support for the programs, use Linux 6.6 or later, as root (CAP_PERFMON): load: invalid argument: back-edge from insn 156 to 157\n"},
		{errors.Join(errors.New("one"), errors.New("two")), "ipsec eroute: one; two\n"},
	} {
		for _, args := range [][]string{
			{"eroute"},
			{"eroute", "--stats"},
			{"eroute", "--watch"},
			{"eroute", "--lookup", "--src", "10.0.0.1", "--dst", "10.0.0.2"},
			{"eroute", "--add", "--src", "10.0.0.0/8", "--dst", "10.0.0.0/8", "--said", "%pass"},
			{"eroute", "--clear"},
			{"eroute", "--limit", "7"},
		} {
			var stdout, stderr bytes.Buffer
			e := testEnv(strings.NewReader(""), &stdout, &stderr)
			e.openRead = func() (table, error) { return nil, test.err }
			e.openWrite = e.openRead
			if status := run(context.Background(), e, args); status != 1 || stderr.String() != test.want || stdout.Len() > 0 {
				t.Errorf("%q: status %d, stdout %q, stderr %q, want %q", args, status, stdout.String(), stderr.String(), test.want)
			}
		}
	}
}

// failingWriter is a full disk.
type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, unix.ENOSPC }

// TestOutputError checks that a write error of the output is reported.
func TestOutputError(t *testing.T) {
	m := newMemory()
	if status, _, stderr := runMemory(m, "", "eroute", "--add", "--src", "10.0.0.0/8", "--dst", "10.0.0.0/8", "--said", "%pass"); status != 0 {
		t.Fatal(stderr)
	}
	for _, args := range [][]string{
		{"eroute"}, {"eroute", "--json"}, {"eroute", "--stats"}, {"eroute", "--stats", "--json"}, {"eroute", "--help"},
		{"eroute", "--lookup", "--src", "10.0.0.1", "--dst", "10.0.0.2"}, {"tncfg", "--json"}, {"--version"},
	} {
		var stderr bytes.Buffer
		e := testEnv(strings.NewReader(""), failingWriter{}, &stderr)
		m.openers(e)
		status := run(context.Background(), e, args)
		if status != 1 || !strings.HasSuffix(stderr.String(), ": write output: no space left on device\n") {
			t.Errorf("%q: status %d, stderr %q", args, status, stderr.String())
		}
	}
}

// TestRefusalMakesNoTable checks that a refused change does not create a table.
func TestRefusalMakesNoTable(t *testing.T) {
	m := newMemory()
	for _, args := range [][]string{
		{"eroute", "--add", "--src", "10.0.0.0", "--dst", "10.0.0.0/8", "--said", "%pass"},
		{"eroute", "--del", "--src", "10.0.0.0/8", "--dst", "10.0.0.0/8"},
		{"tncfg", "--detach", "--virtual", "ipsec0"},
	} {
		if status, _, stderr := runMemory(m, "", args...); status != 1 || m.exists {
			t.Errorf("%q: status %d, stderr %q, table made: %v", args, status, stderr, m.exists)
		}
	}
	if err := (emptytable.Table{}).Apply(t.Context(), eroute.ChangesOf(eroute.Change{Op: eroute.OpAdd})); err == nil {
		t.Error("an eroute was added to no table")
	}
}

// TestFileErrorsAreNotExplained checks that file permission errors are not explained as missing privileges.
func TestFileErrorsAreNotExplained(t *testing.T) {
	var stdout, stderr bytes.Buffer
	e := testEnv(strings.NewReader(""), &stdout, &stderr)
	e.openFile = func(string) (io.ReadCloser, error) { return nil, unix.EACCES }
	status := run(context.Background(), e, []string{"eroute", "--batch", "secret"})
	if want := "ipsec eroute: --batch: permission denied\n"; status != 1 || stderr.String() != want {
		t.Errorf("status %d, stderr %q, want %q", status, stderr.String(), want)
	}
}
