// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// acquireListener receives the ACQUIREs of East as a key manager does: for each the CPU, or "any".
type acquireListener struct{ acquires chan string }

// sizeofAcquire is the size of struct xfrm_user_acquire (include/uapi/linux/xfrm.h).
const sizeofAcquire = 280

func (b bench) listenForCPUs(t *testing.T) acquireListener {
	t.Helper()
	k := acquireListener{make(chan string, 100)}
	var socket *nl.NetlinkSocket
	err := b.East.Do(func() (err error) {
		socket, err = nl.Subscribe(unix.NETLINK_XFRM, nl.XFRMNLGRP_ACQUIRE)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := socket.SetReceiveTimeout(&unix.Timeval{Usec: 100000}); err != nil {
		t.Fatal(err)
	}
	end, ended := make(chan bool), make(chan bool)
	t.Cleanup(func() { close(end); <-ended; socket.Close() })
	go func() {
		defer close(ended)
		for {
			messages, _, err := socket.Receive()
			select {
			case <-end:
				return
			default:
			}
			if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				t.Errorf("receive ACQUIREs: %v", err)
				return
			}
			for _, m := range messages {
				k.acquires <- cpuOfAcquire(m)
			}
		}
	}()
	return k
}

// cpuOfAcquire returns the CPU that an ACQUIRE is for.
func cpuOfAcquire(m syscall.NetlinkMessage) string {
	if m.Header.Type != nl.XFRM_MSG_ACQUIRE || len(m.Data) < sizeofAcquire {
		return fmt.Sprintf("message %d of %d bytes", m.Header.Type, len(m.Data))
	}
	attrs, err := nl.ParseRouteAttr(m.Data[sizeofAcquire:])
	if err != nil {
		return err.Error()
	}
	for _, a := range attrs {
		if a.Attr.Type == nl.XFRMA_SA_PCPU {
			return fmt.Sprint(nl.NativeEndian().Uint32(a.Value))
		}
	}
	return "any"
}

// expect checks that the next ACQUIREs are for these CPUs, in any order.
func (k acquireListener) expect(t *testing.T, cpus ...string) {
	t.Helper()
	for rest := cpus; len(rest) > 0; {
		select {
		case got := <-k.acquires:
			i := slices.Index(rest, got)
			if i < 0 {
				t.Fatalf("ACQUIRE for CPU %s, want %s", got, rest)
			}
			rest = slices.Delete(slices.Clone(rest), i, i+1)
		case <-time.After(20 * time.Second):
			t.Fatalf("no ACQUIRE for CPU %s", rest)
		}
	}
}

// A trap with --acquire-spread cpu first requests an SA for any CPU, then one for each CPU that has packets. Until a CPU
// has one, and after its end, its packets go to the SA for any CPU at once. No packet is in clear, and XFRM refuses none.
func TestNewKernelTrapByCPU(t *testing.T) {
	b := byCPU{bench: newLab(t)}
	b.from, b.src, b.dst = b.EastHost, b.EastHost.LAN4, b.WestHost.LAN4
	b.attachAs(t, device.Config{Virtual: virtual, Physical: lab.WAN})
	params := eroute.DefaultAcquire
	params.ReqID, params.Spread = 8, eroute.SpreadCPU
	b.apply(t, eroute.Change{Op: eroute.OpAdd, Selector: nets(lab.EastLAN4, lab.WestLAN4), SAID: eroute.Trap, Acquire: params})
	keys := b.listenForCPUs(t)
	relay := b.startRelay(t, time.Minute) // an ACQUIRE is repeated after this time

	stop := b.wire(t)
	b.sendOn(t, 0, 1, 10)
	b.waitSAID(t, b.selector(), "%hold")
	keys.expect(t, "any")
	// As strongSwan with per_cpu_sas: the SA for any CPU first.
	tunnel := lab.Tunnel{From: b.East, To: b.West, ReqID: params.ReqID}
	install := func(tunnel lab.Tunnel) *lab.SA { return install(t, tunnel) }
	fallback := install(tunnel)
	b.waitSAID(t, b.selector(), fallback.TunSAID())
	b.checkEncrypted(t, "held", stop())

	const packets = 20
	b.all = []*lab.SA{fallback}
	b.carries(t, "with the SA for any CPU", func() {
		b.sendOn(t, 0, packets, 10)
		b.sendOn(t, 1, packets, 10)
	}, 2*packets)
	keys.expect(t, "0", "1")
	tunnel.OneCPU, tunnel.CPU = true, 1
	one := install(tunnel)
	b.waitSAID(t, b.selector(), one.TunSAID()+","+fallback.TunSAID()+"/cpu")
	b.all = []*lab.SA{one, fallback}
	b.carries(t, "with an SA for CPU 1", func() {
		b.sendOn(t, 0, packets, 10)
		b.sendOn(t, 1, 2*packets, 10)
	}, 2*packets, packets)
	tunnel.CPU = 0
	zero := install(tunnel)
	b.waitSAID(t, b.selector(), zero.TunSAID()+","+one.TunSAID()+","+fallback.TunSAID()+"/cpu")
	b.all = []*lab.SA{zero, one, fallback}
	b.carries(t, "with an SA for each CPU", func() {
		b.sendOn(t, 0, packets, 10)
		b.sendOn(t, 1, 2*packets, 10)
	}, packets, 2*packets, 0)

	tunnel.CPU = 1
	rekeyed := install(tunnel)
	b.waitSAID(t, b.selector(), zero.TunSAID()+","+rekeyed.TunSAID()+","+fallback.TunSAID()+"/cpu")
	b.carries(t, "after a rekey of the SA of CPU 1", func() { b.sendOn(t, 1, 1, 10) }, 0, 0, 0)
	if n := b.carried(t, rekeyed)[0]; n != 1 {
		t.Errorf("the new SA carried %d packets, want 1", n)
	}
	if err := errors.Join(one.Remove(), rekeyed.Remove()); err != nil {
		t.Fatal(err)
	}
	b.waitSAID(t, b.selector(), zero.TunSAID()+","+fallback.TunSAID()+"/cpu")
	b.all = []*lab.SA{zero, fallback}
	b.carries(t, "after the end of the SA of CPU 1", func() { b.sendOn(t, 1, packets, 10) }, 0, packets)
	keys.expect(t, "1")

	stop = b.wire(t)
	if err := fallback.Remove(); err != nil {
		t.Fatal(err)
	}
	b.waitSAID(t, b.selector(), "") // without an SA for any CPU the trap applies again
	b.sendOn(t, 0, 1, 10)
	keys.expect(t, "any")
	b.checkEncrypted(t, "after the end of the SA for any CPU", stop())
	relay.checkNothingLost(t)
}
