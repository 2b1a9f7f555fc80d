// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/journal"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// start runs a monitor in a network namespace of its own, which the test's goroutine enters. It needs
// CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_BPF.
func start(t *testing.T, publish func(Event) error) (stop func() error) {
	t.Helper()
	runtime.LockOSThread() // its thread ends with the test
	ns, err := netns.New()
	if err != nil {
		t.Fatalf("new network namespace (needs root): %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := netns.Set(ns); err != nil {
			done <- err
			return
		}
		done <- Run(ctx, publish)
	}()
	var end error
	stop = func() error {
		cancel()
		if done != nil {
			end = <-done
			done = nil
		}
		return end
	}
	t.Cleanup(func() {
		_ = stop()
		table, err := maps.OpenWrite()
		if err == nil {
			err = errors.Join(table.Dir().Remove(), table.Close())
		}
		if err := errors.Join(err, ns.Close()); err != nil {
			t.Error(err)
		}
	})
	return stop
}

// until waits until the monitor has begun.
func until(t *testing.T, events <-chan Event) {
	t.Helper()
	select {
	case e := <-events:
		if !e.IsBegin() {
			t.Fatalf("the first event is %+v", e)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("no event")
	}
}

func change(t *testing.T, changes ...eroute.Change) {
	t.Helper()
	table, err := maps.OpenWrite()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(table.Apply(t.Context(), changes), table.Close()); err != nil {
		t.Fatal(err)
	}
}

// next returns the next event that which accepts.
func next(t *testing.T, events <-chan Event, which func(Event) bool) Event {
	t.Helper()
	for timeout := time.After(10 * time.Second); ; {
		select {
		case e := <-events:
			if which(e) {
				return e
			}
		case <-timeout:
			t.Fatal("no such event")
		}
	}
}

// TestRun checks that a monitor reports changes of the table and of SAs, and returns no error when its context
// ends.
func TestRun(t *testing.T) {
	events := make(chan Event, 10000)
	stop := start(t, func(e Event) error { events <- e; return nil })
	until(t, events)
	selector := eroute.Selector{Src: netip.MustParsePrefix("10.0.0.0/8"), Dst: netip.MustParsePrefix("10.1.0.0/16")}
	change(t, eroute.Change{Op: eroute.OpAdd, Selector: selector, SAID: eroute.Drop})
	e := next(t, events, func(e Event) bool { return true })
	if n := e.Notice; n == nil || n.Kind != journal.KindAdd || n.Eroute != selector || n.SAID != eroute.Drop || time.Since(e.Time) > time.Minute {
		t.Errorf("%+v", e)
	}
	// Larval states need no ESP in the kernel. Their creation is not reported.
	larval, err := netlink.XfrmStateAllocSpi(&netlink.XfrmState{
		Src: net.IPv4(192, 0, 2, 1), Dst: net.IPv4(192, 0, 2, 2), Proto: netlink.XFRM_PROTO_ESP, Mode: netlink.XFRM_MODE_TUNNEL,
	})
	if err == nil {
		err = netlink.XfrmStateDel(larval)
	}
	if err != nil {
		t.Fatal(err)
	}
	e = next(t, events, func(e Event) bool { return e.SA != nil })
	if s := e.SA.State; e.SA.Kind != xfrm.StateDeleted || s.SPI != uint32(larval.Spi) || s.Dst != netip.MustParseAddr("192.0.2.2") {
		t.Errorf("%+v", e.SA)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestSlowReader checks that a monitor with a slow reader delays no command, and reports the number of missed
// events.
func TestSlowReader(t *testing.T) {
	const changes = 100_000
	events, goOn := make(chan Event), make(chan struct{})
	slow := false
	start(t, func(e Event) error {
		if slow {
			<-goOn
		}
		slow = true
		events <- e
		return nil
	})
	until(t, events)
	all := make([]eroute.Change, changes)
	for i := range all {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		all[i] = eroute.Change{Op: eroute.OpAdd, SAID: eroute.Pass, Selector: eroute.Selector{Src: netip.PrefixFrom(a, 32), Dst: netip.MustParsePrefix("0.0.0.0/0")}}
	}
	change(t, all...)
	close(goOn)
	seen, missed := 0, 0
	for seen+missed < changes {
		switch e := next(t, events, func(Event) bool { return true }); {
		case e.Missed != nil:
			missed += int(e.Missed.Count)
		case e.Notice.Kind == journal.KindAdd:
			seen++
		}
	}
	if seen == 0 || missed < changes/2 || seen+missed > changes+100 {
		t.Errorf("%d of %d changes seen, %d missed", seen, changes, missed)
	}
}

// TestError checks that an error of the reader ends the monitor.
func TestError(t *testing.T) {
	broken := errors.New("broken")
	published := make(chan Event, 100)
	stop := start(t, func(e Event) error { published <- e; return broken })
	until(t, published)
	if err := stop(); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}
