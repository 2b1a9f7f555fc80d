// SPDX-License-Identifier: Apache-2.0

package session

import (
	"net"
	"net/netip"
	"testing"
	"testing/fstest"
)

// The variable names the two ends; a malformed or link-local one names none.
func TestInEnvironment(t *testing.T) {
	for value, want := range map[string]string{
		"198.51.100.7 50022 192.0.2.1 22":                  "192.0.2.1:22 -> 198.51.100.7:50022",
		"::ffff:198.51.100.7 50022 ::ffff:192.0.2.1 22":    "192.0.2.1:22 -> 198.51.100.7:50022",
		"2001:db8::7 50022 2001:db8::1 2222":               "[2001:db8::1]:2222 -> [2001:db8::7]:50022",
		"fe80::7%wan 50022 fe80::1%wan 22":                 "",
		"198.51.100.7 50022 2001:db8::1 22":                "",
		"198.51.100.7 50022 192.0.2.1":                     "",
		"198.51.100.7 65536 192.0.2.1 22":                  "",
		"client 50022 192.0.2.1 22":                        "",
		"UNKNOWN 65535 UNKNOWN 65535":                      "",
		"198.51.100.7 50022 192.0.2.1 22 and another word": "",
		"": "",
	} {
		got := ""
		if s := inEnvironment([]string{"TERM=vt100", "SSH_CONNECTION=" + value}); s != nil {
			p := s.Reply()
			got = netip.AddrPortFrom(p.Src, p.SrcPort).String() + " -> " + netip.AddrPortFrom(p.Dst, p.DstPort).String()
			if p.Proto != 6 {
				t.Errorf("%q: protocol %d", value, p.Proto)
			}
		}
		if got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
	if s := inEnvironment([]string{"NOT_SSH_CONNECTION=198.51.100.7 50022 192.0.2.1 22"}); s != nil {
		t.Errorf("%v of another variable", s)
	}
}

// sudo removes the variable, its parent has it. The name of a process may contain anything.
func TestOfAncestors(t *testing.T) {
	const variable = "LANG=C\x00SSH_CONNECTION=198.51.100.7 50022 192.0.2.1 22\x00"
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	proc := fstest.MapFS{
		"1/stat": file("1 (init) S 0 1 1 0"), "1/environ": file(variable),
		"20/stat": file("20 (sshd) S 1 20 20 0"), "20/environ": file("LANG=C\x00"),
		"30/stat": file("30 (bash) S 20 30 30 0"), "30/environ": file(variable),
		"40/stat": file("40 (su do) 1 (x)) S 30 30 30 0"), // of another user: not readable
		"50/stat": file("50 (getty) S 1 50 50 0"), "50/environ": file("TERM=linux\x00"),
		"60/stat": file("60 (loop) S 61 60 60 0"), "61/stat": file("61 (loop) S 60 60 60 0"),
		"70/stat": file("70 (cut"),
	}
	for pid, want := range map[int]bool{0: false, 1: false, 20: false, 30: true, 40: true, 50: false, 60: false, 70: false, 99: false} {
		if s := ofAncestors(proc, pid); (s != nil) != want {
			t.Errorf("process %d: %v, want %v", pid, s, want)
		}
	}
}

// A session is open while its connection is established: a listening socket alone is none.
func TestIsOpen(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		var config net.ListenConfig
		listener, err := config.Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = listener.Close() }()
		local := listener.Addr().(*net.TCPAddr).AddrPort()
		if s := (&Session{Client: netip.AddrPortFrom(local.Addr(), 9), Server: local}); s.isOpen() {
			t.Errorf("%v is open", s)
		}
		var dialer net.Dialer
		conn, err := dialer.DialContext(t.Context(), "tcp", local.String())
		if err != nil {
			t.Fatal(err)
		}
		s := &Session{Client: conn.LocalAddr().(*net.TCPAddr).AddrPort(), Server: local}
		if !s.isOpen() {
			t.Errorf("%v is not open", s)
		}
		other := *s
		other.Client = netip.AddrPortFrom(s.Client.Addr(), s.Client.Port()^1)
		if other.isOpen() {
			t.Errorf("%v is open", other)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		if s.isOpen() {
			t.Errorf("%v is open after it was closed", s)
		}
	}
}
