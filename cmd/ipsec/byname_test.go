// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/testenv"
)

func TestCommandLine(t *testing.T) {
	for _, test := range []struct{ argv, want []string }{
		{[]string{"ipsec", "eroute", "--add"}, []string{"eroute", "--add"}},
		{[]string{"eroute", "--add"}, []string{"eroute", "--add"}},
		{[]string{"/usr/sbin/eroute"}, []string{"eroute"}},
		{[]string{"/usr/libexec/ipsec/tncfg", "--clear"}, []string{"tncfg", "--clear"}},
		{[]string{"/eroute/ipsec-6.0", "tncfg"}, []string{"tncfg"}},
		{[]string{"eroute", "__complete", "--lim"}, []string{"__complete", "eroute", "--lim"}},
		{[]string{"ipsec", "__complete", "eroute"}, []string{"__complete", "eroute"}},
		{[]string{""}, nil},
		{nil, nil},
	} {
		if got := commandLine(test.argv); !slices.Equal(got, test.want) {
			t.Errorf("%q: got %q, want %q", test.argv, got, test.want)
		}
	}
}

// TestByName runs the program under the names of its commands.
func TestByName(t *testing.T) {
	dir := filepath.Dir(testenv.Build(t, "-ldflags", "-X main.version=1.2.3"))
	for _, test := range []struct {
		name, option, stdout, stderr string
		status                       int
	}{
		{"eroute", "--version", "ipsec eroute 1.2.3\n", "", 0},
		{"tncfg", "--version", "ipsec tncfg 1.2.3\n", "", 0},
		{"eroute", "--bogus", "", "ipsec eroute: unknown option \"--bogus\": see --help\n", 1},
		{"other", "--version", "ipsec 1.2.3\n", "", 0},
	} {
		link := filepath.Join(dir, test.name)
		if err := os.Symlink("ipsec", link); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		cmd := exec.Command(link, test.option)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		_ = cmd.Run() // the status is checked below
		if got := cmd.ProcessState.ExitCode(); got != test.status || stdout.String() != test.stdout || stderr.String() != test.stderr {
			t.Errorf("%s %s: status %d, stdout %q, stderr %q", test.name, test.option, got, stdout.String(), stderr.String())
		}
	}
}
