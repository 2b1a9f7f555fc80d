// SPDX-License-Identifier: Apache-2.0

package session

import (
	"bytes"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// variable is what sshd sets: "client-address client-port server-address server-port".
const variable = "SSH_CONNECTION="

// maxAncestors bounds the search: parents can change while it runs.
const maxAncestors = 64

// Session is an SSH session: a TCP connection to this host.
type Session struct{ Client, Server netip.AddrPort }

// Find returns the SSH session that the process belongs to, nil if there is none: the variable of sshd in environ,
// the environment of the process, or else in that of its nearest ancestor that has it (sudo removes it). The
// connection must be open in the calling thread's network namespace: in a terminal multiplexer the variable may be
// that of an older session.
func Find(environ []string) *Session {
	s := inEnvironment(environ)
	if s == nil {
		s = ofAncestors(os.DirFS("/proc"), os.Getppid())
	}
	if s == nil || !s.isOpen() {
		return nil
	}
	return s
}

// inEnvironment returns the session that an environment names, nil if there is none.
func inEnvironment(environ []string) *Session {
	i := slices.IndexFunc(environ, func(s string) bool { return strings.HasPrefix(s, variable) })
	if i < 0 {
		return nil
	}
	return parse(environ[i][len(variable):])
}

// parse parses the value of the variable; nil if it is malformed. A session between link-local addresses has none:
// its packets never match the table.
func parse(value string) *Session {
	fields := strings.Fields(value)
	if len(fields) != 4 {
		return nil
	}
	var ends [2]netip.AddrPort
	for i := range ends {
		addr, err := netip.ParseAddr(fields[2*i])
		if err != nil || addr.Zone() != "" {
			return nil
		}
		port, err := strconv.ParseUint(fields[2*i+1], 10, 16)
		if err != nil {
			return nil
		}
		ends[i] = netip.AddrPortFrom(addr.Unmap(), uint16(port))
	}
	if ends[0].Addr().BitLen() != ends[1].Addr().BitLen() {
		return nil
	}
	return &Session{Client: ends[0], Server: ends[1]}
}

// ofAncestors returns the session that the nearest of a process and its ancestors names, nil if none does. proc is
// proc(5). Environments that cannot be read are left out.
func ofAncestors(proc fs.FS, pid int) *Session {
	for range maxAncestors {
		if pid <= 1 {
			return nil
		}
		dir := strconv.Itoa(pid)
		environ, _ := fs.ReadFile(proc, dir+"/environ")
		if s := inEnvironment(strings.Split(string(environ), "\x00")); s != nil {
			return s
		}
		pid = parent(proc, dir)
	}
	return nil
}

// parent returns the parent of a process, 0 if it cannot be read.
func parent(proc fs.FS, dir string) int {
	stat, err := fs.ReadFile(proc, dir+"/stat")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" ")) // the name may contain anything
	fields := bytes.Fields(rest)                                                  // state, parent ...
	if len(fields) < 2 {
		return 0
	}
	pid, _ := strconv.Atoi(string(fields[1]))
	return pid
}

// Reply returns a packet from the server to the client.
func (s *Session) Reply() eroute.Packet {
	return eroute.Packet{
		Src: s.Server.Addr(), Dst: s.Client.Addr(), Proto: unix.IPPROTO_TCP,
		SrcPort: s.Server.Port(), DstPort: s.Client.Port(),
	}
}
