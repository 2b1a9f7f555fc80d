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

// send has EastHost send the driver's frames from so many CPUs. Each CPU also takes in
// what it sends: the frames go through the gateway on it, one batch after the other.
func (g *gateway) send(d *driver, cpus int) (r rates, err error) {
	in, out, err := g.received()
	if err != nil {
		return r, err
	}
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
				for time.Since(started) < sendTime {
					if err := d.send(1 << 14); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	senders.Wait()
	took := time.Since(started).Seconds()
	in2, out2, err := g.received()
	return rates{float64(in2-in) / took, float64(out2-out) / took}, errors.Join(append(errs, err)...)
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
