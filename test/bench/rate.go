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

	"github.com/ipsec-eroute/eroute/test/lab"
)

// sendTime is how long a rate is measured.
const sendTime = 200 * time.Millisecond

// rates are packets a second that came in on East's lan and that went out to West.
type rates struct{ in, out float64 }

// send has EastHost send the driver's frames from so many CPUs: all of them once, so that the CPUs'
// caches hold what this gateway needs and not what another one did, then for as long as a rate is measured.
func (g *gateway) send(d *driver, cpus int) (r rates, err error) {
	if err := g.sendAtLeast(d, cpus, d.size, 0); err != nil {
		return r, err
	}
	in, out, err := g.received()
	if err != nil {
		return r, err
	}
	started := time.Now()
	if err := g.sendAtLeast(d, cpus, 0, sendTime); err != nil {
		return r, err
	}
	took := time.Since(started).Seconds()
	in2, out2, err := g.received()
	return rates{float64(in2-in) / took, float64(out2-out) / took}, err
}

// sendAtLeast has each of so many CPUs send so many frames at the least, for as long at the least. Each
// CPU also takes in what it sends: the frames go through the gateway on it, one batch after the other.
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

// received is how many packets have come in on East's lan, and on West's wan.
func (g *gateway) received() (in, out uint64, err error) {
	for _, side := range []struct {
		node *lab.Node
		dev  string
		to   *uint64
	}{{g.East, lab.LAN, &in}, {g.West, lab.WAN, &out}} {
		err = errors.Join(err, side.node.Do(func() error {
			l, err := netlink.LinkByName(side.dev)
			if err != nil {
				return fmt.Errorf("read counters of %s: %w", side.dev, err)
			}
			*side.to = l.Attrs().Statistics.RxPackets
			return nil
		}))
	}
	return in, out, err
}
