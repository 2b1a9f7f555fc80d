// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"net/netip"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/explain"
	"github.com/ipsec-eroute/eroute/pkg/session"
)

// testSession is an SSH session from the far side of wan to the gateway.
var testSession = session.Session{Client: netip.MustParseAddrPort("198.51.100.7:50022"), Server: netip.MustParseAddrPort("192.0.2.1:22")}

// newSessionGateway returns a gateway that watches wan, and has the routes of the session.
func newSessionGateway(t *testing.T) *memory {
	t.Helper()
	m := newGateway(t, testSAID)
	m.devices.all[0].Watched, m.devices.all[0].VirtualMTU = true, 1500
	m.kernel.routes = []memoryRoute{
		{netip.MustParsePrefix("192.0.2.0/24"), explain.Hop{Device: "wan"}},
		{netip.MustParsePrefix("0.0.0.0/0"), explain.Hop{Device: "wan", Via: netip.MustParseAddr("192.0.2.254")}},
	}
	return m
}

// runSession runs a command in the session, and returns its warnings. The files "table" and "config" have a content.
func runSession(t *testing.T, m *memory, s *session.Session, stdin string, args ...string) (warnings []string) {
	t.Helper()
	var out, errs bytes.Buffer
	e := testEnv(strings.NewReader(stdin), &out, &errs)
	m.openers(e)
	e.session = func([]string) *session.Session { return s }
	e.openFile = func(name string) (io.ReadCloser, error) {
		if name != "eroute.toml" {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return io.NopCloser(strings.NewReader("[[device]]\nvirtual = 'ipsec0'\nphysical = 'wan'\nunmatched = 'drop'\n")), nil
	}
	if status := run(context.Background(), e, args); status != 0 {
		t.Errorf("%q: status %d, %s", args, status, errs.String())
	}
	for line := range strings.Lines(errs.String()) {
		_, text, found := strings.Cut(strings.TrimSuffix(line, "\n"), "warning: ")
		if !found && !strings.Contains(line, "note: this is memory") {
			t.Errorf("%q: unexpected %q", args, line)
		}
		if found {
			warnings = append(warnings, text)
		}
	}
	return warnings
}

// TestSessionWarning checks which changes warn, also if they are only checked.
func TestSessionWarning(t *testing.T) {
	const (
		who     = "the SSH session from 198.51.100.7 port 50022: the packets to it would "
		keeps   = "; an eroute 192.0.2.1/32:22 -> 198.51.100.7/32 => %pass:6 keeps it"
		all     = "--src 0.0.0.0/0 --dst 0.0.0.0/0 --said "
		dropped = "this cuts " + who + "be lost (drop)" + keeps
	)
	passes := func(m *memory) { m.eroutes.Replace(everything, eroute.Pass) }
	drops := func(m *memory) { m.eroutes.Replace(everything, eroute.Drop) }
	sends := func(m *memory) { m.eroutes.Replace(everything, testSAID) }
	narrow := func(m *memory) {
		passes(m)
		m.eroutes.Replace(eroute.Selector{Src: netip.MustParsePrefix("192.0.2.1/32"), Dst: everything.Dst}, eroute.Reject)
	}
	for name, test := range map[string]struct {
		prepare func(*memory)
		stdin   string
		args    string
		want    string
	}{
		"other":             {nil, "", "--add --src 192.0.2.1/32 --dst 198.51.100.8/32 --said %drop", ""},
		"other port":        {nil, "", "--add --src 192.0.2.1/32 --dst 198.51.100.7/32 --transport-proto tcp --src-port 2222 --said %drop", ""},
		"its port":          {nil, "", "--add --src 192.0.2.1/32 --dst 198.51.100.7/32 --transport-proto tcp --src-port 22 --said %drop", dropped},
		"pass":              {nil, "", "--add " + all + "%pass", ""},
		"drop":              {nil, "", "--add " + all + "%drop", dropped},
		"reject":            {nil, "", "--add " + all + "%reject", "this cuts " + who + "be lost (reject)" + keeps},
		"hold":              {nil, "", "--add " + all + "%hold", "this cuts " + who + "be lost (hold)" + keeps},
		"trap":              {nil, "", "--add " + all + "%trap", "this may cut " + who + "wait for an SA" + keeps},
		"trap, no relay":    {func(m *memory) { m.kernel.relay = false }, "", "--add " + all + "%trap", "this cuts " + who + "be lost (trap-no-relay)" + keeps},
		"SA":                {nil, "", "--add " + all + "tun0x1000@192.0.2.2", "this may cut " + who + "be encrypted for tun0x1000@192.0.2.2, no longer leave in clear" + keeps},
		"SA not bound":      {func(m *memory) { m.kernel.ready = nil }, "", "--add " + all + "tun0x1000@192.0.2.2", "this may cut " + who + "be encrypted for tun0x1000@192.0.2.2, no longer leave in clear" + keeps},
		"SA missing":        {nil, "", "--add " + all + "tun0x1001@192.0.2.2", "this cuts " + who + "be lost (sa-missing)" + keeps},
		"replaced":          {passes, "", "--replace " + all + "%drop", dropped},
		"lost before":       {drops, "", "--replace " + all + "%reject", ""},
		"clear from SA":     {sends, "", "--replace " + all + "%pass", "this may cut " + who + "leave in clear, no longer encrypted"},
		"deleted SA":        {sends, "", "--del --src 0.0.0.0/0 --dst 0.0.0.0/0", "this may cut " + who + "leave in clear, no longer encrypted"},
		"SA to another":     {sends, "", "--replace " + all + "tun0x1001@192.0.2.2", "this cuts " + who + "be lost (sa-missing)"},
		"cleared":           {passes, "", "--clear", ""},
		"cleared, drop":     {func(m *memory) { passes(m); m.devices.all[0].DropUnmatched = true }, "", "--clear", "this cuts " + who + "be lost (no-eroute)" + keeps},
		"the other remains": {narrow, "", "--del --src 192.0.2.1/32 --dst 0.0.0.0/0", ""},
		"batch":             {nil, "--add --src 0.0.0.0/0 --dst 0.0.0.0/0 --said %pass\n--replace --src 0.0.0.0/0 --dst 0.0.0.0/0 --said %drop\n", "--batch -", dropped},
		"batch that passes": {nil, "--add --src 0.0.0.0/0 --dst 0.0.0.0/0 --said %drop\n--add --src 192.0.2.1/32 --dst 198.51.100.7/32 --said %pass\n", "--batch -", ""},
		"restore":           {passes, "--add --src 0.0.0.0/0 --dst 0.0.0.0/0 --said %drop\n", "--restore -", dropped},
		"restore that pass": {passes, "--add --src 0.0.0.0/0 --dst 0.0.0.0/0 --said %pass\n", "--restore -", ""},
		"not watched":       {func(m *memory) { m.devices.all[0].Watched = false }, "", "--add " + all + "%drop", ""},
		"no device":         {func(m *memory) { m.devices.all = nil }, "", "--add " + all + "%drop", ""},
		"other interface":   {func(m *memory) { m.kernel.routes[1].Device = "lan" }, "", "--add " + all + "%drop", ""},
		"all members": {func(m *memory) {
			m.kernel.routes[1].Device, m.kernel.members = "bond0", map[string][]string{"bond0": {"wan"}}
		}, "", "--add " + all + "%drop", dropped},
	} {
		for _, check := range []string{"", " --check"} {
			t.Run(name+check, func(t *testing.T) {
				m := newSessionGateway(t)
				if test.prepare != nil {
					test.prepare(m)
				}
				got := strings.Join(runSession(t, m, &testSession, test.stdin, strings.Fields("eroute "+test.args+check)...), "\n")
				if got != test.want {
					t.Errorf("got  %q\nwant %q", got, test.want)
				}
			})
		}
	}
}

// TestSessionWarningGroup checks which groups with SAs that are bound to CPUs warn, on a machine with CPUs 0, 1, 3 and 4.
func TestSessionWarningGroup(t *testing.T) {
	const (
		who  = "the SSH session from 198.51.100.7 port 50022: the packets to it would "
		on   = "tun0x2000@192.0.2.2,tun0x2001@192.0.2.2,tun0x2003@192.0.2.2"
		four = ",tun0x2004@192.0.2.2"
		any  = ",tun0x1000@192.0.2.2"
	)
	for name, test := range map[string]struct{ members, spread, aside, want string }{
		"each CPU":                {on + four, "cpu", "", ""},
		"all but one":             {on, "cpu", "", "this may cut " + who + "be lost on CPU 4 (sa-missing)"},
		"all but one, and absent": {on + ",tun0x3000@192.0.2.2", "cpu", "", "this may cut " + who + "be lost on CPU 4 (sa-missing)"},
		"all but one, and any":    {on + any, "cpu", "", ""},
		"all but one, and %trap":  {on + ",%trap", "cpu", "", "this may cut " + who + "wait for an SA on CPU 4"},
		"none":                    {"tun0x3000@192.0.2.2,tun0x3001@192.0.2.2", "cpu", "", "this cuts " + who + "be lost (sa-missing)"},
		"failover":                {on + any, "failover", "", ""},
		"failover without any":    {on + four, "failover", "", "this cuts " + who + "be lost (sa-missing)"},
		"failover, set aside":     {any[1:] + "," + on, "failover", any[1:], "this cuts " + who + "be lost (sa-missing)"},
		"set aside, and another":  {on + any + four, "cpu", "tun0x2004@192.0.2.2", ""},
		"set aside on a CPU":      {on + four, "cpu", "tun0x2004@192.0.2.2", "this may cut " + who + "be lost on CPU 4 (sa-missing)"},
		"set aside, and %trap":    {any[1:] + ",%trap", "failover", any[1:], "this may cut " + who + "wait for an SA"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newSessionGateway(t)
			m.eroutes.Replace(everything, testSAID)
			for _, cpu := range []uint32{0, 1, 3, 4} {
				said, life := testSAID, testLifetime
				said.SPI = 0x2000 + cpu
				life.SPI, life.OneCPU, life.CPU = said.SPI, true, cpu
				m.kernel.sas[said] = life
			}
			if test.aside != "" {
				said, err := eroute.ParseSAID(t.Context(), test.aside, nil)
				if err != nil {
					t.Fatal(err)
				}
				m.aside[said] = true
			}
			args := []string{"eroute", "--replace", "--src", "0.0.0.0/0", "--dst", "0.0.0.0/0", "--said", test.members, "--spread", test.spread}
			if got := strings.Join(runSession(t, m, &testSession, "", args...), "\n"); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// everything is the selector of all IPv4 packets.
var everything = eroute.Selector{Src: netip.MustParsePrefix("0.0.0.0/0"), Dst: netip.MustParsePrefix("0.0.0.0/0")}

// TestSessionWarningOfDevices checks the warnings of attach, detach and --config.
func TestSessionWarningOfDevices(t *testing.T) {
	const who = "the SSH session from 198.51.100.7 port 50022: the packets to it would "
	for name, test := range map[string]struct {
		attached bool
		said     eroute.SAID
		args     string
		want     string
	}{
		"attach":         {false, eroute.Drop, "--attach --virtual ipsec0 --physical wan", "this cuts " + who + "be lost (drop)"},
		"attach, pass":   {false, eroute.Pass, "--attach --virtual ipsec0 --physical wan --unmatched drop", ""},
		"attach, other":  {false, eroute.Drop, "--attach --virtual ipsec0 --physical lan", ""},
		"attach, also":   {false, eroute.Drop, "--attach --virtual ipsec0 --physical lan --physical wan", "this cuts " + who + "be lost (drop)"},
		"attach, routed": {false, eroute.Drop, "--attach --virtual ipsec0 --physical wan --routed", ""},
		"unmatched":      {false, eroute.SAID{}, "--attach --virtual ipsec0 --physical wan --unmatched drop", "this cuts " + who + "be lost (no-eroute)"},
		"config":         {false, eroute.SAID{}, "--config eroute.toml", "this cuts " + who + "be lost (no-eroute)"},
		"detach":         {true, testSAID, "--detach --virtual ipsec0", "this may cut " + who + "leave in clear, no longer encrypted"},
		"detach, pass":   {true, eroute.Pass, "--detach --virtual ipsec0", ""},
		"clear":          {true, testSAID, "--clear", "this may cut " + who + "leave in clear, no longer encrypted"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newSessionGateway(t)
			if !test.attached {
				m.devices.all = nil
			}
			if test.said != (eroute.SAID{}) {
				m.eroutes.Replace(everything, test.said)
			}
			if test.said != testSAID && test.want != "" {
				test.want += "; an eroute 192.0.2.1/32:22 -> 198.51.100.7/32 => %pass:6 keeps it"
			}
			if got := strings.Join(runSession(t, m, &testSession, "", strings.Fields("tncfg "+test.args)...), "\n"); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// TestNoSession checks that there is no warning without a session, and that a change that is refused has none.
func TestNoSession(t *testing.T) {
	m := newSessionGateway(t)
	if got := runSession(t, m, nil, "", "eroute", "--add", "--src", "0.0.0.0/0", "--dst", "0.0.0.0/0", "--said", "%drop"); got != nil {
		t.Errorf("warnings %q", got)
	}
	m = newSessionGateway(t)
	m.eroutes.Replace(everything, eroute.Pass)
	var out, errs bytes.Buffer
	e := testEnv(strings.NewReader(""), &out, &errs)
	m.openers(e)
	e.session = func([]string) *session.Session { return &testSession }
	if status := run(context.Background(), e, strings.Fields("eroute --add --src 0.0.0.0/0 --dst 0.0.0.0/0 --said %drop")); status != 1 || strings.Contains(errs.String(), "warning") {
		t.Errorf("status %d, %q", status, errs.String())
	}
}
