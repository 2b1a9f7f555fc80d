// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/fleet/store"
)

// Intervals of the connection to the store.
const (
	reportTTL      = 30 * time.Second // after which a gateway that does not report is offline
	reportInterval = reportTTL / 3
	minPause       = 200 * time.Millisecond // before the ring is followed again
	maxPause       = 5 * time.Second
)

// follow passes the newest assignment of the ring to the agent.
func (a *Agent) follow(ctx context.Context) {
	for pause := minPause; ctx.Err() == nil; {
		began := time.Now()
		s, err := a.Open()
		if err == nil {
			err = s.FollowRing(ctx, a.Gateway.Ring, a.assign, a.touch)
			// Close waits for a watch that hangs.
			go func() { _ = s.Close() }()
		}
		if ctx.Err() != nil {
			return
		}
		a.Log.Warn("following the ring again", "error", err)
		if time.Since(began) > maxPause {
			pause = minPause
		}
		// Gateways that lost the same member do not return at the same moment.
		select {
		case <-ctx.Done():
		case <-time.After(pause + rand.N(pause)):
		}
		pause = min(2*pause, maxPause)
	}
}

// assign replaces the assignment that is not taken yet. Only follow calls it.
func (a *Agent) assign(v store.Stored) {
	select {
	case <-a.assigned:
	default:
	}
	a.assigned <- v
}

// touch notes that the store has answered.
func (a *Agent) touch() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.contact = time.Now()
}

// report registers the gateway and keeps its status in the store.
func (a *Agent) report(ctx context.Context) {
	report := a.data.NewReport(a.Gateway, reportTTL)
	defer func() { _ = report.End(context.WithoutCancel(ctx)) }()
	every := time.NewTicker(reportInterval)
	defer every.Stop()
	checked, failing := false, false
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		case <-a.changed:
		}
		status, _ := a.Status()
		err := report.Send(ctx, status)
		if err == nil {
			a.touch()
			if !checked {
				checked = true
				if err := a.data.CheckVersion(ctx); err != nil {
					a.Log.Warn("the store", "error", err)
				}
			}
		}
		if failing != (err != nil) && ctx.Err() == nil {
			failing = err != nil
			if failing {
				a.Log.Warn("the store does not receive reports", "error", err)
			} else {
				a.Log.Info("the store receives reports")
			}
		}
	}
}
