// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/render"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/explain"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// onCPU runs f on one CPU. What f sends is routed on this CPU, too: the lab's cables are veth devices.
func onCPU(cpu int, f func() error) error {
	runtime.LockOSThread()
	var before, only unix.CPUSet
	only.Set(cpu)
	if err := errors.Join(unix.SchedGetaffinity(0, &before), unix.SchedSetaffinity(0, &only)); err != nil {
		return err // the thread ends with its goroutine
	}
	err := f()
	if err := unix.SchedSetaffinity(0, &before); err != nil {
		return err
	}
	runtime.UnlockOSThread()
	return err
}

// states returns East's states of SAs.
func (b bench) states(t *testing.T, saids ...eroute.SAID) (states []xfrm.State) {
	t.Helper()
	err := b.East.Do(func() error {
		h, err := xfrm.Open()
		if err != nil {
			return err
		}
		defer h.Close()
		for _, said := range saids {
			s, err := h.State(said)
			if err != nil {
				return err
			}
			states = append(states, s)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return states
}

// carried returns the packets that XFRM has counted of the SAs.
func (b bench) carried(t *testing.T, all ...*lab.SA) (packets []uint64) {
	t.Helper()
	for _, sa := range all {
		packets = append(packets, b.states(t, parseSAID(t, said(sa)))[0].Packets)
	}
	return packets
}

// byCPU is a lab with a group of SAs that are bound to CPU 0 and 1, and one that is bound to none.
type byCPU struct {
	bench
	from     *lab.Node // the sender
	src, dst netip.Addr
	all      []*lab.SA // of CPU 0, of CPU 1, of none
}

func (b byCPU) selector() eroute.Selector { return nets(lab.Only(b.src), lab.Only(b.dst)) }

func said(sa *lab.SA) string {
	if sa.Mode == lab.TransportMode {
		return sa.SAID()
	}
	return sa.TunSAID()
}

// group is a group of the SAs.
func (b byCPU) group() string {
	var saids []string
	for _, sa := range b.all {
		saids = append(saids, said(sa))
	}
	return strings.Join(saids, ",") + "/cpu"
}

// install installs the SAs and adds the eroute.
func (b *byCPU) install(t *testing.T, tunnel lab.Tunnel) {
	t.Helper()
	tunnel.From, tunnel.To, tunnel.ReqID = b.East, b.West, 7
	for cpu := range uint32(3) {
		tunnel.OneCPU, tunnel.CPU = cpu < 2, cpu%2
		b.all = append(b.all, install(t, tunnel))
	}
	b.add(t, b.selector(), b.group())
}

// sendOn sends datagrams on a CPU.
func (b byCPU) sendOn(t *testing.T, cpu, packets, size int) {
	t.Helper()
	err := onCPU(cpu, func() error {
		for range packets {
			if err := b.send(t, size); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// send sends a datagram on the CPU of the caller.
func (b byCPU) send(t *testing.T, size int) error {
	d := lab.Datagram{Src: netip.AddrPortFrom(b.src, 0), Dst: netip.AddrPortFrom(b.dst, 53), Payload: make([]byte, size)}
	return b.from.SendUDP(within(t, 10*time.Second), d)
}

// carries checks that a function changes the packets of the SAs by these numbers, that no packet is in clear, and that
// XFRM has refused none: it would, if a packet were on another CPU than its SA.
func (b byCPU) carries(t *testing.T, what string, f func(), want ...uint64) {
	t.Helper()
	before, errs, stop := b.carried(t, b.all...), b.outErrors(t), b.wire(t)
	f()
	b.checkEncrypted(t, what, stop())
	after := b.carried(t, b.all...)
	for i := range after {
		after[i] -= before[i]
	}
	if fmt.Sprint(after) != fmt.Sprint(want) {
		t.Errorf("%s: the SAs of CPU 0, of CPU 1 and of none carried %d packets, want %d", what, after, want)
	}
	if now := b.outErrors(t); fmt.Sprint(now) != fmt.Sprint(errs) {
		t.Errorf("%s: XFRM refused packets: %v, before %v", what, now, errs)
	}
}

func (b byCPU) checkEncrypted(t *testing.T, what string, frames lab.Frames) {
	t.Helper()
	if n := frames.Count(lab.Match{Src: lab.Only(b.src), Dst: lab.Only(b.dst), Proto: layers.IPProtocolUDP}); n != 0 {
		t.Errorf("%s: %d packets in clear", what, n)
	}
}

// A group of SAs by CPU with real ESP: each packet goes to the SA of its CPU, whose end gives its packets to the SA that
// is bound to none from the next packet on. No packet is in clear, and XFRM refuses none.
func TestNewKernelGroupCPU(t *testing.T) {
	if n := runtime.NumCPU(); n != 2 {
		t.Fatalf("%d CPUs, want 2", n)
	}
	l := newLab(t)
	t.Run("watched", func(t *testing.T) {
		b := byCPU{bench: l, from: l.EastHost, src: l.EastHost.LAN4, dst: l.WestHost.LAN4}
		b.attachAs(t, device.Config{Virtual: virtual, Physical: lab.WAN})
		b.install(t, lab.Tunnel{})
		b.checkCPUs(t)
		b.checkMigration(t)
		b.checkEnd(t)
		b.checkExplained(t)
		b.checkRefused(t)
		b.checkTrap(t)
	})
	t.Run("transport mode, routed", func(t *testing.T) { // through the detour device
		b := byCPU{bench: l, from: l.East, src: l.East.WAN4, dst: l.West.WAN4}
		b.attachAs(t, device.Config{Virtual: virtual, Physical: lab.WAN, Routed: true})
		b.routePeer(t, b.dst)
		b.install(t, lab.Tunnel{Mode: lab.TransportMode})
		b.checkCPUs(t)
	})
}

// checkCPUs sends packets, and packets in fragments, on each CPU.
func (b byCPU) checkCPUs(t *testing.T) {
	t.Helper()
	const packets = 20
	b.carries(t, "packets on both CPUs", func() {
		b.sendOn(t, 0, packets, 10)
		b.sendOn(t, 1, 2*packets, 10)
	}, packets, 2*packets, 0)
	if b.all[0].Mode == lab.TunnelMode {
		const fragments = 3
		b.carries(t, "fragments", func() { b.sendOn(t, 1, packets, 4000) }, 0, packets*fragments, 0)
	}
	b.setAside(t, said(b.all[1]), true)
	b.carries(t, "with the SA of CPU 1 set aside", func() {
		b.sendOn(t, 0, packets, 10)
		b.sendOn(t, 1, packets, 10)
	}, packets, 0, packets)
	b.setAside(t, said(b.all[1]), false)
}

// checkMigration sends packets from threads that change their CPU all the time.
func (b byCPU) checkMigration(t *testing.T) {
	t.Helper()
	const threads, packets = 4, 50
	b.carries(t, "threads that change their CPU", func() {
		var all sync.WaitGroup
		for thread := range threads {
			all.Go(func() {
				for i := range packets {
					if err := onCPU((i+thread)%2, func() error { return b.send(t, 10) }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
	}, threads*packets/2, threads*packets/2, 0)
}

// checkEnd ends the SA of CPU 1 under traffic, replaces it and brings it back.
func (b byCPU) checkEnd(t *testing.T) {
	t.Helper()
	s := b.selector()
	own := b.all[1].Tunnel
	one, err := lab.Tunnel{From: b.East, To: b.West, OneCPU: true, CPU: 1, ReqID: 7}.Install() // its state ends below
	if err != nil {
		t.Fatal(err)
	}
	rekeyed := byCPU{all: []*lab.SA{b.all[0], one, b.all[2]}}
	stop := b.wire(t)
	end, sent := make(chan bool), make(chan uint64)
	go func() {
		var n uint64
		err := onCPU(1, func() error {
			for {
				select {
				case <-end:
					return nil
				default:
				}
				if err := b.send(t, 10); err != nil {
					return err
				}
				n++
			}
		})
		if err != nil {
			t.Error(err)
		}
		sent <- n
	}()
	const while = 300 * time.Millisecond
	time.Sleep(while)
	b.replace(t, s, rekeyed.group()) // the SA of CPU 1 is rekeyed
	time.Sleep(while)
	ip(t, b.East, "xfrm state delete "+identity(one)) // no command follows
	time.Sleep(while)
	close(end)
	n := <-sent
	frames := stop()
	spi := func(sa *lab.SA) uint64 { return uint64(frames.Count(lab.Match{SPI: sa.SPI})) }
	old, next, fallback := spi(b.all[1]), spi(one), spi(b.all[2])
	if old == 0 || next == 0 || fallback == 0 || spi(b.all[0]) != 0 || n-(old+next+fallback) > 1 {
		t.Errorf("of %d packets on CPU 1, its SA carried %d, its successor %d, the SA of no CPU %d, that of CPU 0 %d",
			n, old, next, fallback, spi(b.all[0]))
	}
	b.checkEncrypted(t, "the end of an SA", frames)
	t.Logf("of %d packets on CPU 1, its SA carried %d, its successor %d, then the SA of no CPU %d", n, old, next, fallback)

	_ = one.Remove() // East's state is gone
	b.replace(t, s, b.group())
	if state := b.state(t, b.all[1]); !state.OneCPU || state.CPU != own.CPU || !xfrm.Ours(state.IfID) {
		t.Errorf("the state has changed: %+v", state)
	}
	b.carries(t, "with the SA again", func() { b.sendOn(t, 1, 5, 10) }, 0, 5, 0)
}

// state reads a state of East.
func (b bench) state(t *testing.T, sa *lab.SA) (s xfrm.State) {
	t.Helper()
	err := b.East.Do(func() error {
		h, err := xfrm.Open()
		if err != nil {
			return err
		}
		defer h.Close()
		s, err = h.State(parseSAID(t, said(sa)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkExplained checks that the SA of each CPU is explained, and that a CPU without one is what the verdict is about.
func (b byCPU) checkExplained(t *testing.T) {
	t.Helper()
	explained := func(said string, want ...string) {
		t.Helper()
		b.replace(t, b.selector(), said)
		var text bytes.Buffer
		b.read(t, func(table *maps.Table) error {
			kernel, err := explain.OpenKernelView()
			if err != nil {
				return err
			}
			defer kernel.Close()
			devices, err := device.List(table)
			if err != nil {
				return err
			}
			all, err := explain.Packets(table, kernel, devices, []eroute.Packet{{Src: b.EastHost.LAN4, Dst: b.WestHost.LAN4, Proto: 17, DstPort: 53}})
			if err != nil {
				return err
			}
			return render.Explanations(&text, all)
		})
		for _, line := range want {
			if !strings.Contains(text.String(), line+"\n") {
				t.Errorf("%s: %q is not in\n%s", said, line, text.String())
			}
		}
	}
	zero, one, none := b.all[0].TunSAID(), b.all[1].TunSAID(), b.all[2].TunSAID()
	both := fmt.Sprintf("  member   on CPU 0: %s, which is bound to it\n  member   on CPU 1: %s, ", zero, one)
	explained(b.group(), both+"which is bound to it",
		"  verdict  on CPU 0: sent, counted as \"sa\": dev wan; through ipsec0, without a route into it, encapsulated by XFRM in tunnel mode")
	explained(zero+","+none+"/cpu", fmt.Sprintf("  member   on CPU 1: %s, the first that is bound to no CPU", none))
	explained(zero+","+zero+"/cpu", "  member   on CPU 1: none",
		"  verdict  on CPU 1: dropped, counted as \"sa-missing\"; all SAs of the group are set aside or bound to other CPUs")
	explained(zero+",%trap/cpu", "  member   on CPU 1: %trap: no SA is ready")
	explained(one, "  verdict  dropped, counted as \"sa-missing\"")
	explained(b.group())
}

// checkRefused checks that a packet on a CPU without an SA drops, and what the kernel and the table refuse.
func (b byCPU) checkRefused(t *testing.T) {
	t.Helper()
	const packets = 5
	s := b.selector()
	b.replace(t, s, b.all[0].TunSAID()+","+b.all[0].TunSAID()+"/cpu")
	missing := b.reasons(t)["sa-missing"]
	b.carries(t, "on a CPU without an SA", func() {
		b.sendOn(t, 0, packets, 10)
		b.sendOn(t, 1, packets, 10)
	}, packets, 0, 0)
	if n := b.reasons(t)["sa-missing"] - missing; n != packets {
		t.Errorf("%d packets dropped as sa-missing, want %d", n, packets)
	}
	// A state that is bound to a CPU, in an eroute of its own: it is left as it is.
	b.replace(t, s, b.all[1].TunSAID())
	b.carries(t, "alone", func() {
		b.sendOn(t, 0, packets, 10)
		b.sendOn(t, 1, packets, 10)
	}, 0, 0, 0)
	b.doctorHas(t, "sa", "is bound to CPU 1, which only --spread cpu can use")
	b.replace(t, s, b.group())
	if _, err := (lab.Tunnel{From: b.East, To: b.West, OneCPU: true, CPU: 4096}).Install(); !errors.Is(err, unix.ERANGE) {
		t.Errorf("a state of CPU 4096: %v", err)
	}
}

// checkTrap checks a group that ends with %trap: a packet on a CPU without an SA is held, until each CPU has one. The
// relay re-sends it on any CPU: it goes to the SA of that.
func (b byCPU) checkTrap(t *testing.T) {
	t.Helper()
	one := b.all[1].Tunnel
	ip(t, b.East, "xfrm state delete "+identity(b.all[1])) // East's state is added again below
	zero := byCPU{b.bench, b.from, b.src, b.dst, b.all[:1]}
	trap := fmt.Sprintf("%s,%s,%%trap/cpu", said(zero.all[0]), said(b.all[1]))
	params := eroute.DefaultAcquire
	params.ReqID = 8
	b.apply(t, eroute.Change{Op: eroute.OpReplace, Selector: b.selector(), SAID: parseSAID(t, trap), Acquire: params})
	b.listen(t)
	b.startRelay(t, 5*time.Second)
	const packets = 3
	zero.carries(t, "on a CPU with an SA", func() { b.sendOn(t, 0, packets, 10) }, packets)
	errs, before, stop := b.outErrors(t), b.carried(t, zero.all...)[0], b.wire(t)
	b.sendOn(t, 1, 1, 10)
	b.waitSAID(t, b.selector(), "%hold")
	if n := b.carried(t, zero.all...)[0]; n != before {
		t.Errorf("the SA of CPU 0 carried %d packets of CPU 1", n-before)
	}
	if err := one.AddTo(b.East); err != nil {
		t.Fatal(err)
	}
	b.waitSAID(t, b.selector(), trap)
	both := byCPU{b.bench, b.from, b.src, b.dst, b.all[:2]}
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		carried := b.carried(t, both.all...)
		if carried[0]-before+carried[1] == 1 {
			break
		}
		if time.Since(begin) > 20*time.Second {
			t.Fatalf("the held packet was not sent: the SAs carried %d packets, before %d", carried, before)
		}
	}
	b.checkEncrypted(t, "held", stop())
	if now := b.outErrors(t); fmt.Sprint(now) != fmt.Sprint(errs) {
		t.Errorf("XFRM refused packets: %v, before %v", now, errs)
	}
	both.carries(t, "with an SA for each CPU", func() {
		b.sendOn(t, 0, packets, 10)
		b.sendOn(t, 1, packets, 10)
	}, packets, packets)
}
