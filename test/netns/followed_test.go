// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
)

// An attachment with --follow keeps eroutes for the policies of XFRM, apart from those that commands write: the relay
// follows changes, and detach removes them.
func TestFollowed(t *testing.T) {
	path := testenv.Ipsec(t)
	g := newDetached(t)
	run := func(args string) (stdout string) {
		t.Helper()
		stdout, stderr, err := g.command(t, path, args)
		if err != nil {
			t.Fatalf("ipsec %s: %v: %s", args, err, stderr)
		}
		return stdout
	}
	listed := func() string {
		t.Helper()
		var lines []string
		for line := range strings.Lines(run("eroute")) {
			lines = append(lines, strings.Join(strings.Fields(line)[1:], " "))
		}
		return strings.Join(lines, "\n")
	}
	check := func(when string, want ...string) {
		t.Helper()
		if !eventually(t, func() bool { return listed() == strings.Join(want, "\n") }) {
			t.Errorf("%s:\n%s\nwant\n%s", when, listed(), strings.Join(want, "\n"))
		}
	}
	policy := func(verb, selector, more string) {
		g.ip(t, fmt.Sprintf("xfrm policy %s %s dir out %s", verb, selector, more))
	}
	const (
		tunnel  = "tmpl src 192.1.2.23 dst 192.1.2.45 proto esp reqid 1 mode tunnel"
		net     = "src 10.1.0.0/16 dst 10.2.0.0/16"
		bypass  = "src 10.1.0.0/16 dst 10.2.128.0/17"
		tunnel6 = "tmpl src 2001:db8::1 dst 2001:db8::2 proto esp reqid 2 mode tunnel"
		other   = "src 2001:db8:1::/48 dst 2001:db8:2::/48"
		netLine = "10.1.0.0/16 -> 10.2.0.0/16 => %xfrm followed"
		part    = "10.1.0.0/16 -> 10.2.0.0/17 => %xfrm followed"
	)
	policy("add", net, "priority 20 "+tunnel)
	policy("add", "src 10.0.0.0/8 dst 10.0.0.0/8", "priority 30")
	policy("add", "src ::/0 dst ::/0 proto ipv6-icmp type 135", "priority 1") // as libreswan does
	run("eroute --add --src 10.5.0.0/16 --dst 10.6.0.0/16 --said %drop")
	attach := "tncfg --attach --virtual ipsec0 --physical " + lab.WAN + " --follow"
	run(attach)
	const written = "10.5.0.0/16 -> 10.6.0.0/16 => %drop"
	check("after attach", netLine, written)
	if text := run("eroute --stats"); !strings.Contains(text, "followed     1\n") {
		t.Errorf("--stats prints\n%s", text)
	}
	if text := run("tncfg"); !strings.Contains(text, "watched unmatched=pass follow\n") {
		t.Errorf("tncfg prints\n%s", text)
	}

	// What commands write, they keep; what follows policies they leave.
	if saved := run("eroute --save -"); strings.Contains(saved, "10.1.0.0") || !strings.Contains(saved, "10.5.0.0") {
		t.Errorf("saved:\n%s", saved)
	}
	if _, stderr, err := g.command(t, path, "eroute --del "+options(net)); err == nil || !strings.Contains(stderr, "follows a policy of XFRM") {
		t.Errorf("deleting a followed eroute: %v: %s", err, stderr)
	}
	run("eroute --add " + options(net) + " --said %drop")
	check("after one was added in its place", "10.1.0.0/16 -> 10.2.0.0/16 => %drop", written)
	run("eroute --del " + options(net))
	check("after that was deleted", netLine, written)
	run("eroute --clear")
	check("after clear", netLine)
	g.stdin(t, path, "--add --src 10.5.0.0/16 --dst 10.6.0.0/16 --said %drop\n", "eroute", "--restore", "-")
	check("after restore", netLine, written)
	policy("add", bypass, "priority 10")
	check("without a relay", netLine, written)
	run("eroute --sync")
	check("while some of its packets leave in clear", part, written)
	run("eroute --add " + options(net) + " --said %drop")
	check("after one was added in place of the part", "10.1.0.0/16 -> 10.2.0.0/16 => %drop", written)
	run("eroute --del " + options(net))
	check("after that was deleted", part, written)
	policy("delete", bypass, "")
	run("eroute --sync")
	check("after sync", netLine, written)

	// Guards and --check count followed eroutes, also those that a change adds or removes.
	batch := func(line, options string) (string, error) {
		cmd := g.East.Command(t.Context(), path, strings.Fields("eroute --batch - "+options)...)
		cmd.Stdin = strings.NewReader(line + "\n")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	inside := "--add --src 10.1.9.0/24 --dst 10.2.0.0/16 --said %pass"
	if out, err := batch(inside, "--no-new-clear"); err == nil || !strings.Contains(out, "opens clear text for 10.1.9.0/24 -> 10.2.0.0/16") {
		t.Errorf("--no-new-clear permits %%pass within a followed eroute: %v: %s", err, out)
	}
	if out, err := batch(inside, "--check"); err != nil || !strings.Contains(out, "opens clear text for 1 selector") {
		t.Errorf("--check of %%pass within a followed eroute: %v: %s", err, out)
	}
	run("eroute --add " + options(net) + " --said %drop")
	if out, err := batch("--del "+options(net), "--no-new-clear"); err != nil {
		t.Errorf("--no-new-clear refuses to delete an eroute in place of a followed one: %v: %s", err, out)
	}
	check("after a guarded deletion", netLine, written)

	// The relay follows changes.
	r := g.startRelay(t)
	policy("add", other, "priority 20 "+tunnel6)
	check("after a policy was added", netLine, written, "2001:db8:1::/48 -> 2001:db8:2::/48 => %xfrm followed")
	policy("update", net, "priority 20")
	check("after one sends in clear", written, "2001:db8:1::/48 -> 2001:db8:2::/48 => %xfrm followed")
	g.ip(t, "xfrm policy flush")
	check("after a flush", written)
	policy("add", net, "priority 20 "+tunnel)
	check("after one was added again", netLine, written)
	policy("add", bypass, "priority 20")
	check("after a bypass with the same priority", part, written)
	policy("add", other, "priority 20 "+tunnel6)
	check("after an independent change", part, written, "2001:db8:1::/48 -> 2001:db8:2::/48 => %xfrm followed")
	policy("delete", other, "")
	policy("delete", bypass, "")
	check("after the bypass was deleted", netLine, written)
	r.stop(t, 15)
	for text, times := range map[string]int{
		`msg="add followed eroute" eroute="2001:db8:1::/48 -> 2001:db8:2::/48" said=%xfrm`: 2,
		`msg="delete followed eroute" eroute="10.1.0.0/16 -> 10.2.0.0/16" said=%xfrm`:      2,
		`10.1.0.0/16 -> 10.2.128.0/17 has no eroute"`:                                      1,
	} {
		if n := strings.Count(r.stderr.String(), text); n != times {
			t.Errorf("%d times %q, want %d, in the log\n%s", n, text, times, r.stderr)
		}
	}

	// A full table follows again when there is room; the followed eroutes are never deleted in between.
	run("eroute --limit 2")
	policy("add", other, "priority 20 "+tunnel6)
	if _, stderr, err := g.command(t, path, "eroute --sync"); err == nil || !strings.Contains(stderr, "1 have no eroute: table full: the limit is 2 eroutes") {
		t.Errorf("full: %v: %s", err, stderr)
	}
	run("eroute --limit 1000000")
	check("after the limit was raised", netLine, written, "2001:db8:1::/48 -> 2001:db8:2::/48 => %xfrm followed")

	// The device is deleted and attached again, with and without --follow.
	g.ip(t, "link delete ipsec0")
	run(attach)
	check("after another attach", netLine, written, "2001:db8:1::/48 -> 2001:db8:2::/48 => %xfrm followed")
	g.ip(t, "link delete ipsec0")
	run(strings.TrimSuffix(attach, " --follow"))
	check("after an attach without --follow", written)
	run("tncfg --detach --virtual ipsec0")
	run("eroute --limit 1")
	if _, stderr, err := g.command(t, path, attach); err != nil || !strings.Contains(stderr, "note: not all packets have the right eroute") ||
		!strings.Contains(stderr, "2 have no eroute: table full: the limit is 1 eroutes") {
		t.Errorf("attach to a full table: %v: %s", err, stderr)
	}
	if text := run("tncfg"); !strings.Contains(text, "watched unmatched=pass follow\n") {
		t.Errorf("tncfg prints, after an attach to a full table\n%s", text)
	}
	run("eroute --limit 1000000")
	run("eroute --sync")
	check("after the limit was raised", netLine, written, "2001:db8:1::/48 -> 2001:db8:2::/48 => %xfrm followed")
	run("tncfg --detach --virtual ipsec0")
	check("after detach", written)
}

// options returns the options of a selector of ip-xfrm(8).
func options(selector string) string {
	return strings.NewReplacer("src", "--src", "dst", "--dst").Replace(selector)
}

// stdin runs a command on East that reads standard input.
func (g *gateway) stdin(t *testing.T, path, input string, args ...string) {
	t.Helper()
	cmd := g.East.Command(t.Context(), path, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
