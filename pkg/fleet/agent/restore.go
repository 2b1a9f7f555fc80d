// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/pkg/fleet"
)

// restoreConfirmed restores the confirmed table, which could not be restored before, if the table is still empty. It
// fetches it from the store if it is damaged on disk.
func (a *Agent) restoreConfirmed(ctx context.Context) error {
	stats, err := a.Table.Stats(ctx)
	if err != nil {
		return err
	}
	if stats.Eroutes > stats.Followed {
		a.lacking = false
		return nil
	}
	if err := a.checkConfirmed(); err != nil {
		if fetchErr := a.fetchConfirmed(ctx); fetchErr != nil {
			return fmt.Errorf("the table is empty: %w", errors.Join(err, fetchErr))
		}
	}
	err = a.Table.Restore(context.WithoutCancel(ctx), a.tablePath(a.record.Table), a.record.Confirmed, false)
	if err != nil {
		return fmt.Errorf("the table is empty: restore the confirmed revision %s: %w", fleet.ShortID(a.record.Confirmed), err)
	}
	a.lacking = false
	a.note(errors.New("it is restored"))
	if a.record.Revision == a.record.Confirmed && a.record.State == fleet.Applying {
		a.record.State = fleet.Confirmed
	}
	a.Log.Info("restored the confirmed revision", "revision", a.record.Confirmed)
	a.setStatus(func(s *fleet.Status) {
		s.State, s.Reason = cmp.Or(a.record.State, fleet.Unassigned), a.record.Reason
	})
	return nil
}

// fetchConfirmed fetches the confirmed table again.
func (a *Agent) fetchConfirmed(ctx context.Context) error {
	keys, err := a.Keys()
	if err != nil {
		return err
	}
	revision, err := a.fetch(ctx, a.record.Confirmed, keys)
	if err != nil {
		return err
	}
	before := a.record.Table
	a.record.Table = revision.Table // another one if a variable was changed since
	if err := a.keep(); err != nil {
		a.record.Table = before
		return err
	}
	return nil
}
