// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/vm"
	"github.com/ipsec-eroute/eroute/test/bench/figures"
)

// cpuKernel is the series of the VM's kernel: one that binds SAs to CPUs.
const cpuKernel = "7.3"

// cpuTraffic is what is sent through SAs with a cipher. Each CPU sends that many packets in a round.
type cpuTraffic struct {
	suite, name   string
	size, packets int
}

var cpuTraffics = []cpuTraffic{
	{lab.Null, "null cipher, 100 bytes", 100, 20000},
	{lab.GCM, "AES-GCM, 1400 bytes", 1400, 5000},
}

// cpuFlows is the number of flows that each CPU sends.
const cpuFlows = 64

// cpus measures the packets of one CPU and of two, in a VM with two CPUs.
func (b *bench) cpus(ctx context.Context) error {
	if !b.guest {
		err := b.inVM(ctx, vm.Guest{Kernel: cpuKernel}, figures.CPUs)
		if errors.Is(err, vm.ErrNotInstalled) {
			b.missing("section %s: Linux %s is %v", figures.CPUs, cpuKernel, err)
			return nil
		}
		return err
	}
	if n := runtime.NumCPU(); n != 2 {
		return fmt.Errorf("%d CPUs, not 2", n)
	}
	if err := loadModules(ctx, "pcrypt", "crypto_user"); err != nil {
		return err
	}
	sink, err := newOrderSink(ctx)
	if err != nil {
		return err
	}
	defer sink.coll.Close()
	// Those of both ciphers exist before the first eroute does.
	var runs []*cpuRun
	defer func() {
		for _, r := range runs {
			err = errors.Join(err, r.g.close())
		}
	}()
	for _, s := range cpuScenarios {
		for _, traffic := range cpuTraffics {
			if s.pcrypt && traffic.suite != lab.GCM {
				continue
			}
			r := &cpuRun{scenario: s, traffic: traffic}
			if r.g, err = newGatewayTo(ctx, sink.program()); err != nil {
				return err
			}
			runs = append(runs, r)
			if r.sas, err = s.prepare(ctx, r.g, traffic.suite); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	return b.alternate(sink, runs)
}

// cpuRun is a scenario with one traffic.
type cpuRun struct {
	scenario cpuScenario
	traffic  cpuTraffic
	g        *gateway
	sas      []*lab.SA
}

// alternate checks all runs, and measures them in turn.
func (b *bench) alternate(sink *orderSink, runs []*cpuRun) error {
	for _, r := range runs {
		b.progress(r.subject())
		for cpus := 1; cpus <= 2; cpus++ {
			if err := b.checkRun(sink, r, cpus); err != nil {
				return err
			}
		}
	}
	rates := make([]figures.Rounds, len(runs))
	for range b.Rounds {
		for i, r := range runs {
			if rates[i] == nil {
				rates[i] = figures.Rounds{}
			}
			for cpus, subject := range []string{figures.OneCPU, figures.TwoCPUs} {
				rate, err := r.rate(cpus + 1)
				if err != nil {
					return err
				}
				rates[i][subject] = append(rates[i][subject], rate)
			}
		}
	}
	for i, r := range runs {
		b.Add(r.subject(), rates[i])
	}
	return nil
}

func (r *cpuRun) subject() figures.Case {
	return figures.Case{Section: figures.CPUs, Scenario: r.scenario.name, Traffic: r.traffic.name}
}

func (r *cpuRun) generator(cpus int) pktgen {
	return pktgen{src: countedSource, dst: countedFirst, flows: cpuFlows, cpus: cpus, size: r.traffic.size}
}

// checkRun checks that all packets arrive, each flow in order, and which SAs carry them.
func (b *bench) checkRun(sink *orderSink, r *cpuRun, cpus int) error {
	packets := r.traffic.packets
	before, err := r.g.carried(r.sas)
	if err != nil {
		return err
	}
	a, err := sink.check(func() error {
		_, err := r.send(cpus)
		return err
	})
	if err != nil {
		return err
	}
	after, err := r.g.carried(r.sas)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%s, %s, on %d CPUs", r.scenario.name, r.traffic.name, cpus)
	if r.sas == nil {
		a.packets, a.clear = a.clear, 0
	}
	if a.clear != 0 {
		return fmt.Errorf("%s: %d packets are in clear", what, a.clear)
	}
	if a.wrong != 0 {
		return fmt.Errorf("%s: %d packets of %d are out of order within their flow", what, a.wrong, a.packets)
	}
	if lost := cpus*packets - int(a.packets); lost != 0 {
		if r.scenario.ownSAs || cpus == 1 && !r.scenario.pcrypt {
			return fmt.Errorf("%s: %d packets are lost", what, lost)
		}
		fmt.Fprintf(os.Stderr, "bench: %s: the peer did not receive %d of %d packets, or too late for its replay window\n", what, lost, cpus*packets)
	}
	if r.scenario.pcrypt {
		return nil
	}
	return r.scenario.checkShares(before, after, cpus, packets)
}

// rate sends the packets of a round, and returns how many thousands of them arrive at the sink in a second.
func (r *cpuRun) rate(cpus int) (float64, error) {
	before, err := r.g.received()
	if err != nil {
		return 0, err
	}
	took, err := r.send(cpus)
	if err != nil {
		return 0, err
	}
	after, err := r.g.received()
	if err != nil {
		return 0, err
	}
	sent, out := cpus*r.traffic.packets, int(after.out-before.out)
	if out < sent && !r.scenario.pcrypt || out < sent/2 {
		return 0, fmt.Errorf("%s, on %d CPUs: %d of %d packets arrived", r.scenario.name, cpus, out, sent)
	}
	return float64(out) / took.Seconds() / 1e3, nil
}

// send sends the packets of a round, and returns the time until they were processed.
func (r *cpuRun) send(cpus int) (time.Duration, error) {
	began := time.Now()
	took, err := r.generator(cpus).send(r.g, r.traffic.packets)
	if err != nil || !r.scenario.pcrypt {
		return took, err
	}
	// Packets are encrypted after they were sent. The last one has arrived if none does for some time.
	const quiet = 200 * time.Millisecond
	changed := time.Now()
	for last := ^uint64(0); time.Since(changed) < quiet; time.Sleep(time.Millisecond) {
		t, err := r.g.received()
		if err != nil {
			return 0, err
		}
		if t.out != last {
			last, changed = t.out, time.Now()
		}
	}
	return changed.Sub(began), nil
}
