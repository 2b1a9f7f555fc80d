// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"errors"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// cpuRequest identifies the request of an SA for a CPU, in addition to an SA for any CPU. An SA that is not for the CPU,
// which a key manager may answer with, is a new state but not another request.
type cpuRequest struct {
	params eroute.AcquireParams
	flow   eroute.Selector // only without a reqid, which selects the SA
	cpu    uint32
}

func (p requestParams) onCPU(flow eroute.Selector, cpu uint32) cpuRequest {
	q := cpuRequest{params: p.AcquireParams, cpu: cpu}
	if p.ReqID == 0 {
		q.flow = flow
	}
	return q
}

// perCPU requests SAs for CPUs: for flows of traps by CPU that have an SA for any CPU, and whose packets on a CPU use that
// one because there is none for the CPU.
type perCPU struct {
	flows     bool // there may be such flows
	turn      int  // number of the flow whose packets are read next
	requested map[cpuRequest]time.Time
}

// flowsAtOnce is the number of flows whose packets are read in a tick: counters of each CPU.
const flowsAtOnce = 256

// note records that a flow has these parameters.
func (c *perCPU) note(p requestParams) { c.flows = c.flows || p.Spread == eroute.SpreadCPU }

// requestPerCPU requests the SAs that are missing, each again after the lifetime of a hold.
func (r *relay) requestPerCPU(now time.Time) error {
	if !r.perCPU.flows || r.xfrm == nil {
		return nil
	}
	// A table that was restored can have such traps on a kernel that ignores the CPU of an ACQUIRE.
	if ignored, err := xfrm.IgnoresCPU(); ignored || err != nil {
		r.perCPU.flows = false
		return err
	}
	for q, since := range r.perCPU.requested {
		if now.Sub(since) > r.HoldLifetime {
			delete(r.perCPU.requested, q)
		}
	}
	online, err := xfrm.OnlineCPUs()
	if err != nil {
		return err
	}
	found := false
	err = r.read(func(t *maps.Table) error {
		a, err := r.answers()
		if err != nil {
			return err
		}
		flows, err := t.Flows()
		if err != nil {
			return err
		}
		some := min(len(flows), flowsAtOnce)
		first := r.perCPU.turn
		r.perCPU.turn += some
		var errs []error
		for i := range flows {
			f := flows[(first+i)%len(flows)]
			trap, err := t.AcquireParams(f.Trap)
			if err != nil {
				return err
			}
			if trap.Spread != eroute.SpreadCPU {
				continue
			}
			found = true
			if i >= some {
				break
			}
			p := a.params(f.Selector, trap)
			errs = append(errs, r.requestCPUsOf(t, f, p, a.fitting(f.Selector, p), online, now))
		}
		return errors.Join(errs...)
	})
	if err == nil { // else they are looked for again
		r.perCPU.flows = found
	}
	return err
}

// mostCPUs is the number of CPUs that can have an SA in a group, next to one for any CPU.
const mostCPUs = eroute.MaxMembers - 1

// requestCPUsOf requests an SA for each CPU of those that are online that has packets of a flow and no SA.
func (r *relay) requestCPUsOf(t *maps.Table, f maps.Flow, p requestParams, fit fitting, online []uint32, now time.Time) error {
	if f.SAID == eroute.Hold || len(fit.anyCPU) == 0 {
		return nil
	}
	packets, err := t.PacketsByCPU(f.ID())
	if err != nil {
		return err
	}
	var errs []error
	for _, cpu := range online {
		if cpu >= mostCPUs || int(cpu) >= len(packets) {
			break
		}
		n, q := packets[cpu], p.onCPU(f.Selector, cpu)
		if fit.has(cpu) {
			delete(r.perCPU.requested, q)
			continue
		}
		if _, requested := r.perCPU.requested[q]; n == 0 || requested {
			continue
		}
		r.perCPU.requested[q] = now
		errs = append(errs, r.acquireFor(request{f.ID(), f.Trap, f.Device, example(f.Selector, nil)}, p, &cpu))
	}
	return errors.Join(errs...)
}
