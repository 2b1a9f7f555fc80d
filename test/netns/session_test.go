// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// sshSession is a TCP connection from West to East, and the variable of sshd for it.
type sshSession struct {
	client, server net.Conn
	variable       string
}

func (g *gateway) newSSHSession(t *testing.T, f family) *sshSession {
	t.Helper()
	listener, err := g.East.ListenTCP(t.Context(), netip.AddrPortFrom(f.eastWAN, 22))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	client, err := g.West.DialTCP(within(t, patience), netip.AddrPort{}, netip.AddrPortFrom(f.eastWAN, 22))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	from := client.LocalAddr().(*net.TCPAddr)
	return &sshSession{client, server, fmt.Sprintf("SSH_CONNECTION=%s %d %s 22", from.IP, from.Port, f.eastWAN)}
}

// works reports whether what the server sends arrives.
func (s *sshSession) works(t *testing.T, wait time.Duration) bool {
	t.Helper()
	if _, err := s.server.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if err := s.client.SetReadDeadline(time.Now().Add(wait)); err != nil {
		t.Fatal(err)
	}
	n, err := s.client.Read(make([]byte, 1))
	return n == 1 && err == nil
}

// run runs a command as in the session, directly or below a process that has removed the variable, and returns its
// warnings.
func (s *sshSession) run(t *testing.T, g *gateway, path string, sudo bool, args string) string {
	t.Helper()
	argv := append([]string{s.variable, path}, strings.Fields(args)...)
	if sudo {
		argv = append([]string{s.variable, "sh", "-c", `env -u SSH_CONNECTION "$@"; exit $?`, "sh", path}, strings.Fields(args)...)
	}
	cmd := g.East.Command(t.Context(), "env", argv...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("ipsec %s: %v: %s", args, err, errs.String())
	}
	var warnings []string
	for line := range strings.Lines(errs.String()) {
		if _, text, found := strings.Cut(strings.TrimSpace(line), "warning: "); found {
			warnings = append(warnings, text)
		}
	}
	return strings.Join(warnings, "\n")
}

// A change that cuts the SSH session that it is typed in warns, also if it is only checked, and one that does not
// cut it does not warn.
func TestSSHSession(t *testing.T) {
	path := testenv.Ipsec(t)
	for _, sudo := range []bool{false, true} {
		g := newDetached(t)
		for _, f := range g.families() {
			t.Run(fmt.Sprintf("%s, sudo %v", f.name, sudo), func(t *testing.T) {
				g.only(t)
				s := g.newSSHSession(t, f)
				client := s.client.LocalAddr().(*net.TCPAddr)
				cut := func(reason string) string {
					return fmt.Sprintf("this cuts the SSH session from %s port %d: the packets to it would be lost (%s)", client.IP, client.Port, reason)
				}
				everything := fmt.Sprintf("--src %s --dst %s ", netip.PrefixFrom(f.wan, 0).Masked(), netip.PrefixFrom(f.wan, 0).Masked())
				step := func(args, want string, works bool) {
					t.Helper()
					got := s.run(t, g, path, sudo, args)
					if (want == "") != (got == "") || !strings.HasPrefix(got, want) {
						t.Errorf("ipsec %s: warnings %q, want %q", args, got, want)
					}
					wait := patience
					if !works {
						wait = 300 * time.Millisecond
					}
					if s.works(t, wait) != works {
						t.Errorf("after ipsec %s: session works: %v", args, !works)
					}
				}
				step("eroute --add "+everything+"--said %pass", "", true)
				step("tncfg --attach --virtual ipsec0 --physical wan --unmatched drop", "", true)
				step("eroute --replace "+everything+"--said %drop --check", cut("drop"), true)
				step("eroute --add "+everything+"--transport-proto tcp --src-port 2222 --said %drop", "", true)
				step("eroute --del "+everything+"--check", cut("no-eroute"), true)
				step(fmt.Sprintf("eroute --add --src %s --dst %s --said tun0x1234@%s --check", lab.Only(f.eastWAN), lab.Only(f.wan), f.wan), strings.TrimSuffix(cut(""), ")"), true)
				step("eroute --replace "+everything+"--said %drop", cut("drop"), false)
				// An eroute that the warning names ends the interruption.
				got := s.run(t, g, path, sudo, fmt.Sprintf("eroute --add --src %s --dst %s --transport-proto tcp --src-port 22 --said %%pass", lab.Only(f.eastWAN), lab.Only(f.wan)))
				if got != "" || !eventually(t, func() bool { return s.works(t, patience) }) {
					t.Errorf("the session does not work again; warnings %q", got)
				}
				_ = s.run(t, g, path, sudo, "tncfg --detach --virtual ipsec0")
				g.only(t, from(netip.PrefixFrom(f.wan, 0).Masked(), netip.PrefixFrom(f.wan, 0).Masked(), eroute.Reject))
				if got, want := s.run(t, g, path, sudo, "tncfg --attach --virtual ipsec0 --physical wan"), cut("reject"); !strings.HasPrefix(got, want) {
					t.Errorf("attach: warnings %q, want %q", got, want)
				}
				_ = s.run(t, g, path, sudo, "tncfg --detach --virtual ipsec0")
			})
		}
	}
}
