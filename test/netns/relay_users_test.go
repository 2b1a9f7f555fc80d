// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Other users of the machine can neither prevent a relay from starting by binding an abstract socket's name
// nor keep it busy by sending to one: it listens on no socket. It still receives commands' notifications at
// once, and ends on a signal.
func TestRelayAndOtherUsers(t *testing.T) {
	const name = "\x00ipsec-acquire" // the name that earlier relays listened on
	g := newGateway(t, "egress")
	f := g.families()[0]
	hold := from(lab.Only(f.eastHost), lab.Only(f.westHost), eroute.Hold)
	g.only(t, hold)
	taken := g.abstract(t, name)
	r := g.startRelay(t, "--metrics", relayMetrics)

	if err := unix.Close(taken); err != nil {
		t.Fatal(err)
	}
	var end atomic.Bool
	var all sync.WaitGroup
	all.Go(func() {
		flood := g.abstract(t, "\x00flood")
		defer func() { _ = unix.Close(flood) }()
		for !end.Load() {
			_ = unix.Sendto(flood, make([]byte, 45), unix.MSG_DONTWAIT, &unix.SockaddrUnix{Name: name})
		}
	})
	defer all.Wait()
	defer end.Store(true)
	if sockets := listening(t, r.cmd.Process.Pid); len(sockets) != 0 {
		t.Errorf("the relay listens on %q", sockets)
	}
	g.sendText(t, f, 4711, "kept")
	g.waitStored(t, f, "kept")
	before := time.Now()
	if err := g.apply(eroute.Change{Op: eroute.OpDel, Selector: hold.Selector}); err != nil {
		t.Fatal(err)
	}
	if lost := r.waitFor(t, "lost", 1)[0]; lost.Detail != "deleted" {
		t.Errorf("lost %+v", lost)
	}
	t.Logf("notified after %v", time.Since(before))
	before = time.Now()
	r.stop(t, syscall.SIGTERM)
	if took := time.Since(before); took > 5*time.Second {
		t.Errorf("the relay has ended after %v", took)
	}
}

// abstract binds a socket on East to an abstract name.
func (g *gateway) abstract(t *testing.T, name string) (fd int) {
	t.Helper()
	err := g.East.Do(func() (err error) {
		if fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrUnix{Name: name})
	})
	if err != nil {
		t.Error(err)
	}
	return fd
}

// listening returns the names of a process's Unix sockets.
func listening(t *testing.T, pid int) (names []string) {
	t.Helper()
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/unix", pid))
	if err != nil {
		t.Fatal(err)
	}
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(fds) == 0 {
		t.Fatalf("no file descriptors: %v", err)
	}
	for _, fd := range fds {
		target, _ := os.Readlink(fd)
		inode, ok := strings.CutPrefix(target, "socket:[")
		if !ok {
			continue
		}
		for line := range strings.Lines(string(table)) { // Num RefCount Protocol Flags Type St Inode Path
			if fields := strings.Fields(line); len(fields) == 8 && fields[6]+"]" == inode {
				names = append(names, fields[7])
			}
		}
	}
	return names
}
