// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// flood sends datagrams from a node as fast as the receiver takes them, on a thread bound to one CPU, until
// stop returns true; it returns the number sent. A pause after each burst avoids overflowing queues on the
// path.
func flood(t *testing.T, n *lab.Node, src, dst netip.Addr, cpu int, stop func(sent int) bool) <-chan int {
	t.Helper()
	const burst, size = 32, 100
	var conn *net.UDPConn
	err := n.Do(func() (err error) {
		conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(src, 0)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan int, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its affinity
		defer func() { _ = conn.Close() }()
		var set unix.CPUSet
		set.Set(cpu % runtime.NumCPU())
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			t.Error(err)
		}
		sent := 0
		for payload := make([]byte, size); !stop(sent); {
			if _, err := conn.WriteToUDPAddrPort(payload, netip.AddrPortFrom(dst, 9)); err != nil {
				t.Errorf("send datagram %d: %v", sent, err)
				break
			}
			if sent++; sent%burst == 0 {
				time.Sleep(200 * time.Microsecond)
			}
		}
		done <- sent
	}()
	return done
}

// until stops a flood when a channel is closed.
func until(end <-chan struct{}) func(int) bool {
	return func(int) bool {
		select {
		case <-end:
			return true
		default:
			return false
		}
	}
}
