// SPDX-License-Identifier: Apache-2.0

//go:build vm

package main

import (
	"bytes"
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testlab"
	"github.com/ipsec-eroute/eroute/pkg/session"
)

// TestSessionKernel checks the warnings of an SSH session from the peer's network whose packets get an SA, lose it,
// or get one that does not exist. An SA counts that no eroute has named before.
func TestSessionKernel(t *testing.T) {
	l := testlab.New(t, "session")
	s := session.Session{Client: netip.AddrPortFrom(l.WestHost.LAN4, 50022), Server: netip.AddrPortFrom(l.East.LAN4, 22)}
	ipsec := func(want, args string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		e := systemEnv()
		e.stdout, e.stderr = &stdout, &stderr
		e.session = func([]string) *session.Session { return &s }
		var status int
		err := l.East.Do(func() error {
			status = run(context.Background(), e, strings.Fields(args))
			return nil
		})
		if err != nil || status != 0 {
			t.Fatalf("%q: status %d, %v: %s", args, status, err, stderr.String())
		}
		_, warning, _ := strings.Cut(stderr.String(), "warning: ")
		if (want == "") != (warning == "") || !strings.HasPrefix(warning, want) {
			t.Errorf("%q: warning %q, want %q", args, warning, want)
		}
	}
	sa, err := lab.Tunnel{From: l.East, To: l.West}.Install()
	if err != nil {
		t.Fatal(err)
	}
	const who = "cut the SSH session from 192.0.1.1 port 50022: the packets to it would "
	site := " --src " + lab.EastLAN4.String() + " --dst " + lab.WestLAN4.String()
	encrypted := "this may " + who + "be encrypted for " + sa.TunSAID() + ", no longer leave in clear; an eroute 192.0.2.254/32:22 -> 192.0.1.1/32 => %pass:6 keeps it\n"
	lost := "this " + strings.Replace(who, "cut", "cuts", 1) + "be lost (sa-missing)"
	ipsec("", "tncfg --attach --virtual ipsec0 --physical "+lab.WAN)
	t.Cleanup(func() { ipsec("", "tncfg --clear") })
	ipsec(encrypted, "eroute --add"+site+" --check --said "+sa.TunSAID())
	ipsec(lost, "eroute --add"+site+" --check --said tun0x9999@192.1.2.45")
	ipsec(encrypted, "eroute --add"+site+" --said "+sa.TunSAID())
	ipsec("", "eroute --replace"+site+" --said "+sa.SAID()) // the same state
	ipsec(lost, "eroute --replace"+site+" --check --said tun0x9999@192.1.2.45")
	ipsec("this may "+who+"leave in clear, no longer encrypted\n", "eroute --del"+site)
}
