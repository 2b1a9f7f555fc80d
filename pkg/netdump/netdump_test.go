// SPDX-License-Identifier: Apache-2.0

package netdump_test

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/ipsec-eroute/eroute/pkg/netdump"
)

// TestAll checks that an interrupted dump is repeated a limited number of times, and that other errors are not
// retried.
func TestAll(t *testing.T) {
	other := errors.New("other")
	for _, test := range []struct {
		name        string
		interrupted int
		then        error
		want        error
		calls       int
	}{
		{"complete", 0, nil, nil, 1},
		{"interrupted twice", 2, nil, nil, 3},
		{"fails", 1, other, other, 2},
		{"always interrupted", 1 << 30, nil, netlink.ErrDumpInterrupted, 100},
	} {
		calls := 0
		got, err := netdump.All(func() ([]int, error) {
			calls++
			if calls <= test.interrupted {
				return []int{0}, fmt.Errorf("list: %w", netlink.ErrDumpInterrupted)
			}
			return []int{1, 2}, test.then
		})
		if !errors.Is(err, test.want) || calls != test.calls {
			t.Errorf("%s: error %v after %d calls, want %v after %d", test.name, err, calls, test.want, test.calls)
		}
		if want := []int{1, 2}; err == nil && !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", test.name, got, want)
		}
	}
}

// TestDumpsUnderChange checks that no dump misses permanent interfaces or addresses while others are added and
// removed.
func TestDumpsUnderChange(t *testing.T) {
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ns.Close() }()
	handle, err := netlink.NewHandleAt(ns)
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	lo, err := handle.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	address := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}) }
	addr := func(i int) *netlink.Addr {
		return &netlink.Addr{IPNet: netlink.NewIPNet(address(i).AsSlice())}
	}
	link := func(i int) netlink.Link {
		return &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprint("br", i)}}
	}
	const addresses, links = 400, 40 // more than fit into one message of a dump
	for i := range addresses {
		if err := handle.AddrAdd(lo, addr(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range links {
		if err := handle.LinkAdd(link(i)); err != nil {
			t.Fatal(err)
		}
	}

	stop := make(chan struct{})
	var churn sync.WaitGroup
	for _, change := range []func() error{
		func() error {
			return errors.Join(handle.AddrAdd(lo, addr(addresses)), handle.AddrDel(lo, addr(addresses)))
		},
		func() error { return errors.Join(handle.LinkAdd(link(links)), handle.LinkDel(link(links))) },
	} {
		churn.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
				if err := change(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	defer churn.Wait()
	defer close(stop)

	interrupted := 0 // single dumps that were interrupted
	for deadline := time.Now().Add(time.Minute); interrupted < 5 && time.Now().Before(deadline); {
		if _, err := netlink.LinkList(); errors.Is(err, netlink.ErrDumpInterrupted) {
			interrupted++
		}
		all, err := netdump.Links()
		if err != nil || len(all) < 1+links {
			t.Fatalf("%d interfaces, %v", len(all), err)
		}
		own, err := netdump.Addresses()
		if err != nil {
			t.Fatal(err)
		}
		for i := range addresses {
			if !own[address(i)] {
				t.Fatalf("address %v is missing", address(i))
			}
		}
	}
	if interrupted == 0 {
		t.Error("no dump was interrupted")
	}
}
