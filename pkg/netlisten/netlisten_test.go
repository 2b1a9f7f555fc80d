// SPDX-License-Identifier: Apache-2.0

package netlisten_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/netlisten"
)

const short = 10 * time.Millisecond

// open subscribes to the interfaces of a new namespace. It returns also a function that sends n messages.
func open(t *testing.T) (s *netlisten.Socket, change func(n int)) {
	t.Helper()
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ns.Close() })
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetUp(lo); err != nil { // the kernel reports nothing about one that is down
		t.Fatal(err)
	}
	if s, err = netlisten.Open("rtnetlink", unix.NETLINK_ROUTE, 1<<(unix.RTNLGRP_LINK-1)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	sent := 0
	return s, func(n int) {
		t.Helper()
		for range n {
			sent++
			if err := netlink.LinkSetAlias(lo, fmt.Sprint(sent)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestRead checks that each message is returned once, and lost messages are an error once.
func TestRead(t *testing.T) {
	s, change := open(t)
	read := func(want error) {
		t.Helper()
		b, err := s.Read(short)
		if !errors.Is(err, want) || want == nil && len(b) < unix.SizeofNlMsghdr {
			t.Fatalf("%d bytes, error %v, want %v", len(b), err, want)
		}
	}
	read(os.ErrDeadlineExceeded)
	change(2)
	read(nil)
	read(nil)
	read(os.ErrDeadlineExceeded)
	change(1000) // more than the socket's buffer holds
	read(unix.ENOBUFS)
	read(nil)
}

// TestWait checks that all messages that have arrived, and lost ones, are one change, whose types are passed on.
func TestWait(t *testing.T) {
	s, change := open(t)
	for _, n := range []int{0, 1, 3, 1000} {
		change(n)
		kinds := make(map[uint16]int)
		if err := s.Wait(short, func(kind uint16) { kinds[kind]++ }); n > 0 && err != nil {
			t.Errorf("after %d messages: %v", n, err)
		}
		if lost := n == 1000; lost != (kinds[0] > 0) || !lost && kinds[unix.RTM_NEWLINK] != n {
			t.Errorf("after %d messages: types %v", n, kinds)
		}
		if err := s.Wait(short, nil); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("after %d messages were read: %v, want a timeout", n, err)
		}
	}
}

func TestOpenUnsupported(t *testing.T) {
	if _, err := netlisten.Open("unknown", 1000, 0); !errors.Is(err, unix.EPROTONOSUPPORT) {
		t.Errorf("%v, want EPROTONOSUPPORT", err)
	}
}
