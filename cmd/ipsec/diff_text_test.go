// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"
)

// diffFiles opens two tables, of which the second opens clear text.
func diffFiles(name string) (io.ReadCloser, error) {
	texts := map[string]string{
		"a": "--add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said tun0x1000@192.0.2.2\n",
		"b": "--add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said %pass\n--add --src 10.1.0.0/16 --dst 10.3.0.0/16 --said tun0x1000@192.0.2.2\n",
	}
	if texts[name] == "" {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(strings.NewReader(texts[name])), nil
}

// TestDiffColours checks that a difference is in colour only on a terminal, unless NO_COLOR or TERM disables it.
func TestDiffColours(t *testing.T) {
	for _, test := range []struct {
		environ []string
		want    bool
	}{
		{[]string{"TERM=xterm"}, true},
		{[]string{"TERM=xterm", "NO_COLOR="}, true},
		{[]string{"TERM=xterm", "NO_COLOR=1"}, false},
		{[]string{"TERM=dumb"}, false},
	} {
		user, tty := newTerminal(t)
		e := testEnv(strings.NewReader(""), tty, tty)
		newMemory().openers(e)
		e.openFile, e.environ = diffFiles, test.environ
		if status := run(context.Background(), e, []string{"eroute", "--diff", "a", "b"}); status != 0 {
			t.Fatal(user.text())
		}
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && !strings.Contains(user.text(), " kept"); time.Sleep(time.Millisecond) {
		}
		text := user.text()
		if got := strings.Contains(text, "\x1b["); got != test.want || !strings.Contains(text, "opens clear text for 1 selector") {
			t.Errorf("%q: %q", test.environ, text)
		}
	}
	var out bytes.Buffer
	e := testEnv(strings.NewReader(""), &out, &out)
	newMemory().openers(e)
	e.openFile, e.environ = diffFiles, []string{"TERM=xterm"}
	if status := run(context.Background(), e, []string{"eroute", "--diff", "a", "b"}); status != 0 || strings.Contains(out.String(), "\x1b") {
		t.Errorf("status %d, %q", status, out.String())
	}
}

// TestDiffOfManyLines checks that 2,000 changed lines that form one region are reported in a few lines.
func TestDiffOfManyLines(t *testing.T) {
	var before, after strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&before, "--add --src 10.1.%d.%d/32 --dst 10.2.0.0/16 --said tun0x1000@192.0.2.2\n", i>>8, i&255)
		said := "tun0x2000@192.0.2.2"
		if i == 1234 {
			said = "%pass"
		}
		fmt.Fprintf(&after, "--add --src 10.1.%d.%d/32 --dst 10.2.0.0/16 --said %s\n", i>>8, i&255, said)
	}
	m := newMemory()
	if status, _, stderr := runMemory(m, before.String(), "eroute", "--restore", "-"); status != 0 {
		t.Fatal(stderr)
	}
	status, stdout, stderr := runMemory(m, after.String(), "eroute", "--restore", "-", "--check")
	if status != 0 {
		t.Fatal(stderr)
	}
	for _, line := range []string{
		"would add 0, change 2000, delete 0 and keep 0",
		"protected -> clear: 1 selector, such as 10.1.4.210/32 -> 10.2.0.0/16",
		"opens clear text for 1 selector",
	} {
		if !strings.Contains(stdout, line+"\n") {
			t.Errorf("no line %q in\n%s", line, stdout)
		}
	}
	if n := strings.Count(stdout, "\n"); n > 5 {
		t.Errorf("%d lines:\n%s", n, stdout)
	}
}
