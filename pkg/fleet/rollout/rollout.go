// SPDX-License-Identifier: Apache-2.0

// Package rollout assigns revisions to rings, one ring after the other, and stops at the first gateway that does not
// confirm.
package rollout

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/fleet"
	"github.com/ipsec-eroute/eroute/pkg/fleet/store"
)

// Step assigns a revision to a ring.
type Step struct{ Ring, Revision string }

// Rollout is one run.
type Rollout struct {
	Store  *store.Store
	Key    ed25519.PrivateKey
	Keys   []ed25519.PublicKey // pinned by the operator: for what the store contains
	Author string
	Wait   time.Duration // for the gateways of a ring

	// Progress is called when a ring is assigned, with the number of its gateways, and for each that confirms.
	Progress func(ring string, confirmed, of int)
}

// StopError is why a rollout stopped. The rings before it have the revision, the others have not.
type StopError struct {
	Ring, Gateway string
	Reason        string
}

func (e *StopError) Error() string {
	return fmt.Sprintf("stopped in ring %s: gateway %s: %s", e.Ring, e.Gateway, e.Reason)
}

// Run assigns the steps in order. Each ring waits until all gateways of the ring before have confirmed.
func (r *Rollout) Run(ctx context.Context, steps []Step) (err error) {
	lock, ctx, err := r.Store.Lock(ctx, r.Author)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	for _, step := range steps {
		value, err := r.Store.Revision(ctx, step.Revision)
		if err == nil {
			_, err = fleet.OpenRevision(step.Revision, value, r.Keys)
		}
		if err != nil {
			return err
		}
	}
	for _, step := range steps {
		if err := r.step(ctx, step, lock); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rollout) step(ctx context.Context, step Step, lock *store.Lock) error {
	gateways, err := r.Store.Gateways(ctx)
	if err != nil {
		return err
	}
	var members []string
	for id, g := range gateways {
		if g.Ring == step.Ring {
			members = append(members, id)
		}
	}
	if len(members) == 0 {
		return fmt.Errorf("ring %s: no gateway is registered in it", step.Ring)
	}
	slices.Sort(members)
	version, err := r.assign(ctx, step, lock)
	if err != nil {
		return err
	}
	return r.await(ctx, step, version, members)
}

// assign assigns the revision, and returns the store's version of the assignment.
func (r *Rollout) assign(ctx context.Context, step Step, lock *store.Lock) (int64, error) {
	now, err := r.Store.Ring(ctx, step.Ring)
	if err != nil {
		return 0, err
	}
	next := fleet.Assignment{Ring: step.Ring, Serial: 1, Revision: step.Revision, Author: r.Author, Time: time.Now().UTC()}
	if now.Version != 0 {
		// One that is not valid is replaced, as if there were none: gateways have not accepted it either.
		if old, err := fleet.OpenAssignment(step.Ring, now.Value, r.Keys); err == nil {
			next.Serial = old.Serial + 1
			next.Previous = old.Revision
			if old.Revision == step.Revision { // repeated: a rollback still goes back
				next.Previous = old.Previous
			}
		}
	}
	statuses, err := r.Store.Statuses(ctx)
	if err != nil {
		return 0, err
	}
	// After the store was restored from a backup, gateways have accepted greater serial numbers than its own. A gateway
	// that reports nonsense must not use them up.
	const most = 1 << 20
	for _, s := range statuses {
		if s.Ring == step.Ring && s.Serial >= next.Serial && s.Serial-next.Serial < most {
			next.Serial = s.Serial + 1
		}
	}
	value, err := next.Sign(r.Key)
	if err != nil {
		return 0, err
	}
	return r.Store.Assign(ctx, step.Ring, now.Version, value, lock)
}

// await waits until all gateways have confirmed the assignment.
func (r *Rollout) await(ctx context.Context, step Step, version int64, members []string) error {
	late, cancel := context.WithTimeout(ctx, r.Wait)
	defer cancel()
	var last map[string]fleet.Status
	var stop *StopError
	confirmed := -1
	err := r.Store.FollowStatuses(late, func(statuses map[string]fleet.Status) bool {
		last = statuses
		n := 0
		for _, id := range members {
			s := statuses[id]
			switch {
			case s.Seen < version || !s.State.Ended():
			case s.State == fleet.Confirmed && s.Confirmed == step.Revision:
				n++
			default:
				stop = &StopError{step.Ring, id, describe(s)}
				return false
			}
		}
		if n != confirmed {
			confirmed = n
			r.Progress(step.Ring, n, len(members))
		}
		return n < len(members)
	})
	if stop != nil {
		return stop
	}
	if late.Err() == nil || ctx.Err() != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	for _, id := range members {
		s, online := last[id]
		switch {
		case !online:
			return &StopError{step.Ring, id, fmt.Sprintf("offline for %v", r.Wait)}
		case s.Seen < version || s.State != fleet.Confirmed:
			return &StopError{step.Ring, id, fmt.Sprintf("not confirmed within %v: %s", r.Wait, describe(s))}
		}
	}
	return err
}

func describe(s fleet.Status) string {
	text := string(s.State)
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	return text
}

// Back returns the steps that assign to each ring the revision of its assignment before.
func Back(ctx context.Context, s *store.Store, keys []ed25519.PublicKey, rings []string) (steps []Step, err error) {
	for _, ring := range rings {
		now, err := s.Ring(ctx, ring)
		if err != nil {
			return nil, err
		}
		if now.Version == 0 {
			return nil, fmt.Errorf("ring %s: has no revision", ring)
		}
		a, err := fleet.OpenAssignment(ring, now.Value, keys)
		if err != nil {
			return nil, err
		}
		if a.Previous == "" {
			return nil, fmt.Errorf("ring %s: has no revision before %s", ring, fleet.ShortID(a.Revision))
		}
		steps = append(steps, Step{ring, a.Previous})
	}
	return steps, nil
}
