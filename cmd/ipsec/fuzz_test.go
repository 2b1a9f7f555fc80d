// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/internal/tncfgargs"
	"github.com/ipsec-eroute/eroute/pkg/acquire"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// FuzzCommandLine checks that any command line is executed, or refused with one line without control characters.
func FuzzCommandLine(f *testing.F) {
	for _, seed := range []string{
		"", "--help", "--version", "help eroute", "- help", "eroute", "eroute --json", "tncfg", "acquire --json",
		"eroute --add --eraf inet --src 10/8 --dst 10.1.0.0/255.255.0.0 --af inet --edst gw.example --spi 0x135 --proto tun",
		"eroute --del --src %default --dst ::/0 --said %pass --check", "eroute --said %drop --src 10.0.0.1/32",
		"eroute --lookup --src 10.0.0.1 --dst 10.0.0.2 --transport-proto tcp --src-port 1 --dst-port ssh --json",
		"eroute --limit 7", "eroute --save -", "eroute --save file", "eroute --batch -", "eroute --stats --json --label x",
		"tncfg --attach --virtual ipsec0 --physical wan --ingress lan", "tncfg --detach --virtual ipsec0 --debug",
		"acquire --exec true --hold-lifetime 30 --rate 0x10 --max-packets 1 --max-bytes 1",
		"eroute --replace --src 1.2.3.4/32 --dst 0/0 --said %trap --acquire-mode tunnel --acquire-proto ah --acquire-peer ::1 --acquire-reqid 1 --acquire-spread flow",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Fields(line)
		var stdout, stderr bytes.Buffer
		e := testEnv(strings.NewReader(""), &stdout, &stderr)
		newMemory().openers(e)
		e.relay = func(context.Context, acquire.Config) error { return nil }
		e.saveFile = func(string, fs.FileMode, func(io.Writer) error) error { return unix.ENOSPC }
		status := run(t.Context(), e, args)
		said := stderr.String()
		if strings.ContainsFunc(strings.ReplaceAll(said, "\n", ""), func(r rune) bool { return r < ' ' }) {
			t.Fatalf("%q: control character in %q", args, said)
		}
		chatty := func(arg string) bool { return strings.HasPrefix(arg, "--label") || strings.HasPrefix(arg, "--debug") }
		if slices.ContainsFunc(args, chatty) || slices.Contains(args, "tncfg") && status == 0 { // attach has notes
			return
		}
		if status == 0 && said != "" {
			t.Fatalf("%q succeeds with %q", args, said)
		}
		if status == 0 {
			return
		}
		if err := checkRefusal(args, status, stdout.String(), said); err != nil {
			t.Fatalf("%q: %v", args, err)
		}
	})
}

// FuzzSaved checks that a table is unchanged after saving and restoring, and is saved identically again.
func FuzzSaved(f *testing.F) {
	for _, seed := range []string{
		"--add --src 10.0.0.0/8 --dst 10.1.0.0/16 --said %drop\n--add --src ::/0 --dst 3049::/16 --said esp:100@3049::1",
		"--add --src gw.example/32 --dst 10/8 --transport-proto tcp --src-port ssh --dst-port 22 --said tun0x135@192.0.2.1",
		"--add --src 10/8 --dst 10/8 --said %trap --acquire-mode transport --acquire-proto ah --acquire-peer 1.2.3.4 --acquire-reqid 7",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, batch string) {
		first, second := newMemory(), newMemory()
		if status, _, _ := runMemory(first, batch, "eroute", "--batch", "-"); status != 0 {
			return
		}
		status, saved, stderr := runMemory(first, "", "eroute", "--save", "-")
		if status != 0 {
			t.Fatalf("save: %s", stderr)
		}
		if status, _, stderr := runMemory(second, saved, "eroute", "--batch", "-"); status != 0 {
			t.Fatalf("%q was saved as %q, which is refused: %s", batch, saved, stderr)
		}
		same := cmpopts.EquateComparable(eroute.Eroute{}, eroute.Selector{}, eroute.AcquireParams{})
		if diff := cmp.Diff(first.eroutes.List(), second.eroutes.List(), same) + cmp.Diff(first.acquire, second.acquire, same); diff != "" {
			t.Fatalf("%q was saved as %q:\n%s", batch, saved, diff)
		}
		if _, again, _ := runMemory(second, "", "eroute", "--save", "-"); again != saved {
			t.Fatalf("%q was saved as %q, then as %q", batch, saved, again)
		}
	})
}

// FuzzAssertLine checks that a line of --assert is refused with one line, or has the same meaning in another
// notation.
func FuzzAssertLine(f *testing.F) {
	for _, seed := range []string{
		"10.1.0.0/16 10.2.0.0/16 protected", "%default 10/8 tcp 1024 ssh dropped", "::/0 %default clear", "10/8 10/8 icmp 1 2 trapped",
		"10.0.0.0/8 ::/0 clear", "10/8 10/8 safe", "10/8 clear", "gw.example/32 10/8 0 0 0 rejected", "10/8 10/8 6 0 70000 clear", "# 10/8",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		status, stdout, stderr := runAsserts(t, line)
		if status != 0 {
			if err := checkRefusal([]string{"eroute"}, status, stdout, stderr); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			return
		}
		var out bytes.Buffer
		c := &command{env: testEnv(nil, &out, &out), ctx: t.Context()}
		for text := range strings.Lines(line) {
			words := erouteargs.SplitLine(text, nil)
			if len(words) == 0 {
				continue
			}
			a, err := c.parser().AssertLine(words)
			if err != nil {
				t.Fatalf("%q is taken, but %q is refused: %v", line, text, err)
			}
			s := a.Selector
			again := fmt.Sprintf("%s %s %d %d %d %v", s.Src, s.Dst, s.Proto, s.SrcPort, s.DstPort, a.Want)
			if b, err := c.parser().AssertLine(strings.Fields(again)); err != nil || b != a {
				t.Fatalf("%q means %+v, written as %q it means %+v, %v", text, a, again, b, err)
			}
		}
	})
}

// runAsserts checks an empty table against a file of --assert.
func runAsserts(t *testing.T, text string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	e := testEnv(strings.NewReader(""), &out, &errs)
	newMemory().openers(e)
	e.openFile = func(name string) (io.ReadCloser, error) {
		if name != "asserts" {
			return nil, fs.ErrNotExist
		}
		return io.NopCloser(strings.NewReader(text)), nil
	}
	status = run(t.Context(), e, []string{"eroute", "--restore", "-", "--assert", "asserts"})
	return status, out.String(), errs.String()
}

// FuzzConfig checks that a file of --config is refused with one line, or names devices that can be attached,
// without duplicates.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		"table = \"eroutes\"\n[[device]]\nvirtual = \"ipsec0\"\nphysical = \"wan\"\ningress = [\"lan\", \"dmz\"]\n",
		"", "table = 7", "[[device]]\nvirtual = \"a\"\n", "device = []\nx = 1", "[[device]]\nvirtual=\"a.b\"\nphysical=\"c\"", "\xff", "# only\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := tncfgargs.ReadFile(strings.NewReader(text), "/etc/eroute/eroute.toml")
		if err != nil {
			status, stdout, stderr := runConfigText(t, text)
			if err := checkRefusal([]string{"tncfg"}, status, stdout, stderr); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		there := map[string]bool{}
		for _, d := range cfg.Devices {
			if d.Virtual == "" || d.Physical == "" || there[d.Virtual] {
				t.Fatalf("%q is read as %+v", text, cfg)
			}
			there[d.Virtual] = true
		}
	})
}

// runConfigText runs tncfg --config on a file with this text.
func runConfigText(t *testing.T, text string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	e := testEnv(strings.NewReader(""), &out, &errs)
	newMemory().openers(e)
	e.openFile = func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
	status = run(t.Context(), e, []string{"tncfg", "--config", "/etc/eroute/eroute.toml"})
	return status, out.String(), errs.String()
}
