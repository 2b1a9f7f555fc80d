// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf/bpftest"
	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/vm"
	"github.com/ipsec-eroute/eroute/test/bench/figures"
)

const (
	shortestFrame = 60 // SHORTEST in steer.bpf.c
	steerBatch    = 1024
	steerAhead    = 512 // packets that wait to be decrypted before a batch is sent; a queue of the cpumap has room for both
)

// steering is where the packets of inbound SAs are decrypted.
type steering struct {
	name    string
	sas     uint32
	steered bool // a program gives those of the last SA to the other CPU
}

var steerings = []steering{
	{"one-sa", 1, false},
	{"one-sa-steered", 1, true},
	{"two-sas", 2, false},
	{"two-sas-steered", 2, true},
}

// steer measures how many packets West decrypts in a second that arrive on one CPU, if a program gives none, all or half of
// them to the other CPU.
func (b *bench) steer(ctx context.Context) (err error) {
	if !b.guest {
		return b.inVM(ctx, vm.Guest{}, figures.Steer)
	}
	sink, err := newOrderSink(ctx)
	if err != nil {
		return err
	}
	defer sink.coll.Close()
	g, err := newGatewayTo(ctx, sink.program())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	runtime.LockOSThread()
	var first unix.CPUSet
	first.Set(0)
	if err := unix.SchedSetaffinity(0, &first); err != nil {
		return fmt.Errorf("choose CPU 0: %w", err)
	}
	for _, traffic := range cpuTraffics {
		c := figures.Case{Section: figures.Steer, Traffic: traffic.name}
		b.progress(c)
		rounds := figures.Rounds{}
		if err := g.steerRounds(ctx, sink, traffic, b.Rounds, rounds); err != nil {
			return fmt.Errorf("%s: %w", traffic.name, err)
		}
		b.Add(c, rounds)
	}
	return nil
}

// steerRounds adds rounds of packets of two SAs.
func (g *gateway) steerRounds(ctx context.Context, sink *orderSink, traffic cpuTraffic, count int, rounds figures.Rounds) error {
	spec, err := bpftest.LoadSteer()
	if err != nil {
		return fmt.Errorf("read program that steers: %w", err)
	}
	coll, err := ebpf.NewCollection(spec)
	if err != nil {
		return fmt.Errorf("load program that steers: %w", err)
	}
	defer coll.Close()
	s := steerer{coll: coll, sink: sink}
	for cpu := range uint32(2) {
		// struct bpf_cpumap_val (include/uapi/linux/bpf.h)
		if err := coll.Maps["steer_cpus"].Put(cpu, struct{ size, program uint32 }{steerBatch + steerAhead, 0}); err != nil {
			return fmt.Errorf("add CPU %d: %w", cpu, err)
		}
		if s.frame, err = g.espFrame(ctx, traffic); err != nil {
			return err
		}
		if err := coll.Maps["steer_frames"].Put(cpu, slices.Concat(s.frame, make([]byte, int(coll.Maps["steer_frames"].ValueSize())-len(s.frame)))); err != nil {
			return fmt.Errorf("add frame: %w", err)
		}
	}
	for range count {
		for _, how := range steerings {
			var rate float64
			err := g.West.Do(func() (err error) {
				rate, err = s.measure(how, traffic.packets)
				return err
			})
			if err != nil {
				return fmt.Errorf("%s: %w", how.name, err)
			}
			rounds[how.name] = append(rounds[how.name], rate)
		}
	}
	return nil
}

// espFrame is a frame of a new SA from East to West, which West accepts any number of times.
func (g *gateway) espFrame(ctx context.Context, traffic cpuTraffic) ([]byte, error) {
	sa, err := lab.Tunnel{From: g.East, To: g.West, Suite: traffic.suite, ReqID: cpuReqid, NoReplayWindow: true}.Install()
	if err != nil {
		return nil, err
	}
	policy := fmt.Sprintf("src 0.0.0.0/0 dst %s dir out", everything.Dst)
	if _, err := g.East.IP(ctx, strings.Fields(fmt.Sprintf("xfrm policy add %s tmpl src %s dst %s proto esp spi 0x%x reqid %d mode tunnel",
		policy, sa.Src, sa.Dst, sa.SPI, sa.ReqID))...); err != nil {
		return nil, err
	}
	capture, err := g.East.Capture(lab.WAN)
	if err != nil {
		return nil, err
	}
	// For long enough that East finds West's MAC address.
	_, err = pktgen{src: countedSource, dst: countedFirst, flows: 1, cpus: 1, size: traffic.size, rate: 500}.send(g, 250)
	frames, stopErr := capture.Stop()
	if err := errors.Join(err, stopErr); err != nil {
		return nil, err
	}
	if _, err := g.East.IP(ctx, strings.Fields("xfrm policy delete "+policy)...); err != nil {
		return nil, err
	}
	for _, f := range frames {
		if h, ok := f.Header(); ok && f.Outgoing && h.SPI == sa.SPI {
			return f.Data, nil
		}
	}
	return nil, fmt.Errorf("%s encrypted nothing", sa.SAID())
}

// steerer runs the program in West.
type steerer struct {
	coll  *ebpf.Collection
	sink  *orderSink
	frame []byte // one of them
}

// measure returns thousands of packets that are decrypted in a second.
func (s *steerer) measure(how steering, packets int) (float64, error) {
	on := uint32(0)
	if how.steered {
		on = 1
	}
	for name, value := range map[string]uint32{"steer_more": uint32(len(s.frame) - shortestFrame), "steer_count": how.sas, "steer_on": on, "steer_next": 0} {
		if err := s.coll.Variables[name].Set(value); err != nil {
			return 0, fmt.Errorf("set %s: %w", name, err)
		}
	}
	wan, err := netlink.LinkByName(lab.WAN)
	if err != nil {
		return 0, fmt.Errorf("find %s: %w", lab.WAN, err)
	}
	in := xdpContext{DataEnd: uint32(len(s.frame)), IngressIfindex: uint32(wan.Attrs().Index)}
	var took time.Duration
	a, err := s.sink.check(func() error {
		before, err := s.sink.arrived()
		if err != nil {
			return err
		}
		began := time.Now()
		for sent := 0; ; {
			a, err := s.sink.arrived()
			if err != nil {
				return err
			}
			waiting := sent - int(a.packets-before.packets)
			switch {
			case waiting <= 0 && sent >= packets: // a run can send some more
				took = time.Since(began)
				return nil
			case time.Since(began) > resultPatience:
				return fmt.Errorf("%d of %d packets are not decrypted", waiting, sent)
			case waiting > steerAhead || sent >= packets:
				time.Sleep(50 * time.Microsecond)
				continue
			}
			if _, err := s.coll.Programs["steer_frame"].Run(&ebpf.RunOptions{Data: s.frame, Context: in, Repeat: steerBatch, Flags: liveFrames}); err != nil {
				return fmt.Errorf("send frames: %w", err)
			}
			sent += steerBatch
		}
	})
	if err != nil {
		return 0, err
	}
	return float64(a.packets) / took.Seconds() / 1e3, nil
}
