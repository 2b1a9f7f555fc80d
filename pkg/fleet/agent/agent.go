// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/fleet"
	"github.com/ipsec-eroute/eroute/pkg/fleet/store"
	"github.com/ipsec-eroute/eroute/pkg/fleet/template"
)

// Config is one gateway.
type Config struct {
	Gateway fleet.Gateway
	Keys    func() ([]ed25519.PublicKey, error) // reads the pinned keys, for each assignment: one can be revoked
	Values  func() (*template.Values, error)    // reads the values of variables, for each table with some; nil: none
	Dir     string                              // for the record and tables
	Version string                              // of the program
	Open    func() (*store.Store, error)
	Table   Table
	Health  Health
	Log     *slog.Logger

	// Ready is called once at the start, if it is set: the confirmed revision is restored if it can be, and the store
	// comes next.
	Ready func()

	// NewClear permits revisions that send packets in clear that were not sent in clear before.
	NewClear bool
}

// Agent keeps the table of a gateway at the revision of its ring.
type Agent struct {
	Config
	record record
	// lacking is set while the table is empty because the confirmed one could not be restored.
	lacking bool
	data    *store.Store // for blobs and reports; assignments are followed on a connection of their own

	assigned chan store.Stored // the newest assignment that is not taken yet
	changed  chan struct{}     // the status is not reported yet
	mu       sync.Mutex
	status   fleet.Status
	contact  time.Time // when the store answered last
}

// New returns an agent.
func New(c Config) *Agent {
	return &Agent{Config: c, assigned: make(chan store.Stored, 1), changed: make(chan struct{}, 1)}
}

// Run runs the agent until the context ends. It returns an error if it cannot begin.
func (a *Agent) Run(ctx context.Context) (err error) {
	lock, err := a.lock()
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if err := a.load(); err != nil {
		return err
	}
	a.setStatus(func(s *fleet.Status) {
		*s = fleet.Status{ID: a.Gateway.ID, Ring: a.Gateway.Ring, Version: a.Version, State: fleet.Unassigned}
	})
	if err := a.begin(ctx); err != nil {
		return err
	}
	a.outcome(0)
	if a.Ready != nil {
		a.Ready()
	}
	if a.data, err = a.Open(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.data.Close()) }()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { a.follow(ctx) })
	wg.Go(func() { a.report(ctx) })

	var now *store.Stored // nil: none yet
	var retry <-chan time.Time
	if a.record.Pending || a.lacking {
		retry = time.After(0)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case v := <-a.assigned:
			now = &v
		case <-retry:
		}
		retry = nil
		if err := a.turn(ctx, now); err != nil && ctx.Err() == nil {
			a.Log.Warn("will try again", "error", err)
			a.setStatus(func(s *fleet.Status) { s.Reason = err.Error() })
			retry = time.After(retryInterval)
		}
	}
}

// retryInterval is the time until a failed request for a revision, or a failed attempt to go back, is repeated.
const retryInterval = 5 * time.Second

// turn takes an assignment, if there is one, and does again what has failed before: going back from an earlier one, and
// restoring the confirmed table. It returns an error if it should be called again.
func (a *Agent) turn(ctx context.Context, now *store.Stored) (err error) {
	if now != nil {
		err = a.take(ctx, *now)
	}
	if a.record.Pending {
		err = errors.Join(err, a.goBackAgain(ctx))
	}
	if a.lacking {
		err = errors.Join(err, a.restoreConfirmed(ctx))
	}
	return err
}

// begin ends what an earlier process began, and restores the confirmed table if there is none, as after a boot. Eroutes
// that follow policies of XFRM can be there before. A table that differs from the confirmed one is reported.
func (a *Agent) begin(ctx context.Context) error {
	if a.record.Pending {
		a.rollBack(ctx, errors.New("the agent ended before the revision was confirmed"))
	}
	a.record.moveTo(a.Gateway.Ring)
	stats, err := a.Table.Stats(ctx)
	if err != nil {
		return err
	}
	if a.record.Confirmed == "" {
		return nil
	}
	empty, changes := stats.Eroutes <= stats.Followed, false
	err = a.checkConfirmed()
	switch {
	case err != nil:
	case empty:
		err = a.Table.Restore(context.WithoutCancel(ctx), a.tablePath(a.record.Table), a.record.Confirmed, false)
	default:
		changes, err = a.Table.Check(ctx, a.tablePath(a.record.Table), false)
		if err == nil && !changes && stats.Revision != a.record.Confirmed { // restored by hand, or from before an upgrade
			err = a.Table.Restore(ctx, a.tablePath(a.record.Table), a.record.Confirmed, false)
		}
	}
	switch {
	case err != nil && empty:
		err = fmt.Errorf("restore the confirmed revision %s: %w", fleet.ShortID(a.record.Confirmed), err)
		a.Log.Error("the table is empty", "error", err)
		a.note(err)
		a.lacking = true
		if a.record.Revision == a.record.Confirmed { // the assignment is not fulfilled
			a.record.State = fleet.Applying
		}
	case err != nil:
		a.differs(fmt.Errorf("cannot be compared with the confirmed revision %s: %w", fleet.ShortID(a.record.Confirmed), err))
	case changes:
		a.differs(fmt.Errorf("is not that of the confirmed revision %s: another command has changed it", fleet.ShortID(a.record.Confirmed)))
	case empty:
		a.Log.Info("the table was empty: restored the confirmed revision", "revision", a.record.Confirmed)
	}
	return nil
}

// differs notes that the table is not known to be the confirmed one. The agent does not replace what eroute.service or
// an operator has loaded.
func (a *Agent) differs(reason error) {
	err := fmt.Errorf("the running table %w", reason)
	a.Log.Warn("the table is left alone until the next assignment", "reason", err)
	a.note(err)
}

// note adds to the reason of the state, until the next assignment.
func (a *Agent) note(err error) {
	if a.record.Reason != "" {
		a.record.Reason += "; "
	}
	a.record.Reason += err.Error()
}

// take applies an assignment, unless it has done so before. It returns an error if it should be tried again.
func (a *Agent) take(ctx context.Context, v store.Stored) error {
	keys, err := a.Keys()
	if err != nil {
		return err
	}
	assignment, err := fleet.OpenAssignment(a.Gateway.Ring, v.Value, keys)
	switch {
	case err != nil:
	case assignment.Serial < a.record.Serial:
		err = fmt.Errorf("ring %s: serial %d is below %d, which this gateway has accepted", a.Gateway.Ring, assignment.Serial, a.record.Serial)
	case assignment.Serial == a.record.Serial && a.record.Revision != "" && assignment.Revision != a.record.Revision:
		err = fmt.Errorf("ring %s: two revisions with serial %d", a.Gateway.Ring, assignment.Serial)
	case assignment.Serial == a.record.Serial && a.record.State.Ended():
		a.outcome(v.Version)
		return nil
	}
	if err != nil { // not an assignment: the record is not changed
		a.Log.Error("refused", "error", err)
		a.setStatus(func(s *fleet.Status) { s.State, s.Reason, s.Seen = fleet.Refused, err.Error(), v.Version })
		return nil
	}
	a.record.Serial, a.record.Revision, a.record.State, a.record.Reason = assignment.Serial, assignment.Revision, fleet.Applying, ""
	if err := a.keep(); err != nil {
		return err
	}
	a.outcome(v.Version)
	revision, err := a.fetch(ctx, a.record.Revision, keys)
	if err != nil {
		if permanent(err) { // not recorded: the store may be repaired
			a.Log.Error("refused", "error", err)
			a.setStatus(func(s *fleet.Status) { s.State, s.Reason = fleet.Refused, err.Error() })
			return nil
		}
		return err
	}
	if err := a.apply(ctx, revision); err != nil {
		return err
	}
	a.outcome(v.Version)
	return nil
}

// outcome sets the status from the record.
func (a *Agent) outcome(seen int64) {
	a.setStatus(func(s *fleet.Status) {
		s.State, s.Reason, s.Seen = cmp.Or(a.record.State, fleet.Unassigned), a.record.Reason, seen
		s.Serial, s.Revision, s.Confirmed = a.record.Serial, a.record.Revision, a.record.Confirmed
	})
}

// setStatus changes the status and has it reported.
func (a *Agent) setStatus(change func(*fleet.Status)) {
	a.mu.Lock()
	change(&a.status)
	a.status.Time = time.Now().UTC()
	a.mu.Unlock()
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// Status returns the status, and the time when the store answered last.
func (a *Agent) Status() (fleet.Status, time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.status, a.contact
}
