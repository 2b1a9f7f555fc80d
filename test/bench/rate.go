// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// sendTime is the duration of a rate measurement.
const sendTime = 200 * time.Millisecond

// rates are packets per second received on East's lan and sent to West.
type rates struct{ in, out float64 }

// send makes EastHost send the driver's frames from that many CPUs: all of them once, so that the CPUs'
// caches contain this gateway's data and not another's, then for the duration of a measurement.
func (g *gateway) send(d *driver, cpus int) (r rates, err error) {
	if err := g.sendAtLeast(d, cpus, d.size, 0); err != nil {
		return r, err
	}
	before, err := g.received()
	if err != nil {
		return r, err
	}
	started := time.Now()
	if err := g.sendAtLeast(d, cpus, 0, sendTime); err != nil {
		return r, err
	}
	took := time.Since(started).Seconds()
	after, err := g.received()
	return rates{float64(after.in-before.in) / took, float64(after.out-before.out) / took}, err
}

// sendAtLeast makes each of that many CPUs send at least that many frames, for at least that time. Each CPU
// also receives what it sends: the frames pass the gateway on it, one batch after the other.
func (g *gateway) sendAtLeast(d *driver, cpus, frames int, least time.Duration) error {
	const batch = 1 << 14
	started := time.Now()
	errs := make([]error, cpus)
	var senders sync.WaitGroup
	for cpu := range cpus {
		senders.Go(func() {
			runtime.LockOSThread() // the thread ends with its goroutine, and its affinity
			var set unix.CPUSet
			set.Set(cpu)
			if errs[cpu] = unix.SchedSetaffinity(0, &set); errs[cpu] != nil {
				return
			}
			errs[cpu] = g.EastHost.Do(func() error {
				for sent := 0; sent < frames || time.Since(started) < least; sent += batch {
					if err := d.send(batch); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	senders.Wait()
	return errors.Join(errs...)
}

// traversal is the packets received on East's lan and on West's wan, and the bytes of the latter.
type traversal struct{ in, out, outBytes uint64 }

// received returns the traversal since the gateway was created.
func (g *gateway) received() (t traversal, err error) {
	for _, side := range []struct {
		node           *lab.Node
		dev            string
		packets, bytes *uint64
	}{{g.East, lab.LAN, &t.in, new(uint64)}, {g.West, lab.WAN, &t.out, &t.outBytes}} {
		err = errors.Join(err, side.node.Do(func() error {
			l, err := netlink.LinkByName(side.dev)
			if err != nil {
				return fmt.Errorf("read counters of %s: %w", side.dev, err)
			}
			*side.packets, *side.bytes = l.Attrs().Statistics.RxPackets, l.Attrs().Statistics.RxBytes
			return nil
		}))
	}
	return t, err
}
