// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/internal/files"
	"github.com/ipsec-eroute/eroute/pkg/fleet"
	"github.com/ipsec-eroute/eroute/pkg/fleet/store"
	"github.com/ipsec-eroute/eroute/pkg/fleet/template"
)

// verifyError is an error of what the store returned, which another attempt does not change.
type verifyError struct{ error }

func permanent(err error) bool {
	_, ok := errors.AsType[verifyError](err)
	return ok || errors.Is(err, store.ErrNotFound)
}

// fetch writes the table of a revision to a file, after it has verified it. The table of the revision that it returns is
// that of this gateway, with the values of its variables.
func (a *Agent) fetch(ctx context.Context, id string, keys []ed25519.PublicKey) (*fleet.Revision, error) {
	value, err := a.data.Revision(ctx, id)
	if err != nil {
		return nil, err
	}
	revision, err := fleet.OpenRevision(id, value, keys)
	if err != nil {
		return nil, verifyError{err}
	}
	pieces, err := a.data.Pieces(ctx, revision)
	if err != nil {
		return nil, err
	}
	a.touch()
	var wrong error
	err = files.Save(a.path(templateFile), 0o600, func(w io.Writer) error {
		wrong = revision.Unpack(w, pieces)
		return wrong
	})
	if wrong != nil {
		return nil, verifyError{fmt.Errorf("revision %s: %w", fleet.ShortID(id), wrong)}
	}
	if err != nil {
		return nil, err
	}
	revision.Table, err = a.resolve(ctx, "revision "+fleet.ShortID(id))
	return revision, err
}

// resolve writes the table of this gateway that the template stands for, and returns its SHA-256.
func (a *Agent) resolve(ctx context.Context, name string) (digest string, err error) {
	f, err := os.Open(a.path(templateFile))
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	err = files.Save(a.path(resolvedFile), 0o600, func(w io.Writer) error {
		digest, err = template.Resolve(ctx, w, f, name, a.Values)
		return err
	})
	if wrong, ok := errors.AsType[*erouteargs.LineError](err); ok {
		return "", verifyError{wrong}
	}
	if err != nil {
		return "", err
	}
	return digest, os.Rename(a.path(resolvedFile), a.tablePath(digest))
}

// apply restores the fetched table of the record's revision, and confirms it or goes back. It returns an error if it
// has changed nothing and should be tried again.
func (a *Agent) apply(ctx context.Context, revision *fleet.Revision) error {
	file := a.tablePath(revision.Table)
	before, err := a.Table.Stats(ctx)
	// As for ipsec tncfg --config, an empty table before the first revision protects nothing yet. One whose only eroutes
	// follow policies of XFRM does. The confirmed revision returns to an empty table as after a boot.
	first := a.record.Confirmed == "" && before.Eroutes == 0
	again := a.record.Confirmed == a.record.Revision && before.Eroutes <= before.Followed
	noNewClear := !a.NewClear && !first && !again
	changes, previous := false, ""
	if err == nil {
		changes, err = a.Table.Check(ctx, file, noNewClear)
	}
	if err == nil && changes && !a.record.Pending { // else the file is still that of the last table with good health
		if err = a.Table.Save(ctx, a.path(previousFile)); err == nil {
			previous, err = digestOf(a.path(previousFile))
		}
	}
	if _, refused := errors.AsType[*RefusedError](err); refused {
		a.refuse(fleet.Refused, err)
		return nil
	}
	if err != nil { // such as a command that was killed
		return err
	}
	pending := a.record.Pending
	if !changes && !pending { // one that is pending is in use, but its health was not good yet
		if before.Revision != a.record.Revision {
			if err := a.Table.Restore(ctx, file, a.record.Revision, noNewClear); err != nil {
				return err
			}
		}
		return a.confirm(revision)
	}
	if !pending {
		a.record.Before, a.record.Previous = before.Revision, previous
	}
	a.record.Pending = true
	if err := a.keep(); err != nil {
		a.record.Pending = pending
		return err
	}
	a.Log.Info("restoring", "revision", a.record.Revision, "eroutes", revision.Eroutes)
	// It is not interrupted when the agent is stopped, which then goes back.
	if err := a.Table.Restore(context.WithoutCancel(ctx), file, a.record.Revision, noNewClear); err != nil {
		a.rollBack(ctx, err) // the table may have changed all the same
		return nil
	}
	if err := a.await(ctx, before); err != nil {
		a.rollBack(ctx, err)
		return nil
	}
	if err := a.confirm(revision); err != nil {
		a.rollBack(ctx, err) // as the next start would, by the record on disk
	}
	return nil
}

// confirm records that the revision is confirmed. After an error it is not.
func (a *Agent) confirm(revision *fleet.Revision) error {
	before := a.record
	a.record.State, a.record.Pending = fleet.Confirmed, false
	a.record.Confirmed, a.record.Table = a.record.Revision, revision.Table
	if err := a.keep(); err != nil {
		a.record = before
		return fmt.Errorf("cannot record that the revision is confirmed: %w", err)
	}
	a.forget()
	a.Log.Info("confirmed", "revision", a.record.Revision)
	return nil
}

// refuse records the end of an assignment.
func (a *Agent) refuse(state fleet.State, reason error) {
	a.record.State, a.record.Reason = state, reason.Error()
	if err := a.keep(); err != nil {
		a.Log.Error("cannot record the state", "error", err)
	} else if !a.record.Pending {
		a.forget()
	}
	a.Log.Error(string(state), "revision", a.record.Revision, "reason", reason)
}

// Attempts to go back.
const (
	goBackAttempts = 5
	goBackInterval = time.Second
)

// rollBack restores the table before. It does not need the store, and goes on when the agent is stopped.
func (a *Agent) rollBack(ctx context.Context, reason error) {
	ctx = context.WithoutCancel(ctx)
	var err error
	for range goBackAttempts {
		if err = a.restorePrevious(ctx); err == nil {
			a.record.Pending = false
			a.refuse(fleet.RolledBack, reason)
			return
		}
		time.Sleep(goBackInterval)
	}
	// Run tries again, and the next start.
	a.refuse(fleet.Refused, fmt.Errorf("%w; the table before cannot be restored: %w", reason, err))
}

// restorePrevious restores the table before, if it is not in use; if its file is damaged, the confirmed table.
func (a *Agent) restorePrevious(ctx context.Context) error {
	if err := check(a.path(previousFile), a.record.Previous); err != nil {
		a.Log.Error("restoring the confirmed table", "error", err)
		if confirmedErr := a.checkConfirmed(); confirmedErr != nil {
			return errors.Join(err, confirmedErr)
		}
		return a.Table.Restore(ctx, a.tablePath(a.record.Table), a.record.Confirmed, false)
	}
	return a.Table.Restore(ctx, a.path(previousFile), cmp.Or(a.record.Before, noRevision), false)
}

// goBackAgain restores the table before after rollBack could not. What became of the assignment stays as it is.
func (a *Agent) goBackAgain(ctx context.Context) error {
	before := a.record
	err := a.restorePrevious(context.WithoutCancel(ctx))
	if err == nil {
		a.record.Pending = false
		a.note(errors.New("the table before is restored"))
		if err = a.keep(); err != nil {
			a.record = before
		}
	}
	if err != nil {
		return fmt.Errorf("a revision that was not confirmed is in use; the table before cannot be restored: %w", err)
	}
	a.forget()
	a.Log.Info("restored the table before", "revision", a.record.Before)
	a.setStatus(func(s *fleet.Status) { s.Reason = strings.TrimPrefix(s.Reason+"; the table before is restored", "; ") })
	return nil
}
