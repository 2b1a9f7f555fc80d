// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/journal"
	"github.com/ipsec-eroute/eroute/pkg/relaywire"
	"github.com/ipsec-eroute/eroute/pkg/tries"
)

// Apply makes the changes in order. It first checks each change against the table as the preceding changes
// leave it. If a change is impossible, Apply returns an *eroute.ChangeError that names the first one, and
// changes nothing. When Apply returns, no packet uses a replaced or deleted eroute any more. If the context
// ends, Apply stops between two changes.
func (t *Table) Apply(ctx context.Context, changes []eroute.Change) error {
	return t.ApplyList(ctx, eroute.ChangesOf(changes...))
}

// ApplyList is Apply for a list of changes. In a table that follows the policies of XFRM, a clear keeps the eroutes
// that do.
func (t *Table) ApplyList(ctx context.Context, changes *eroute.Changes) error {
	follows, err := t.Follows()
	if err != nil {
		return err
	}
	if !follows {
		return t.applyList(ctx, changes, true)
	}
	if changes.Len() == 1 && changes.At(0).Op == eroute.OpClear {
		_, err := t.Restore(ctx, func(func(eroute.Change, error) bool) {}, true)
		return err
	}
	for i, c := range changes.All() {
		if c.Op == eroute.OpClear {
			return &eroute.ChangeError{Index: i, Change: c, Err: errors.New("not possible together with other changes while the table follows policies of XFRM")}
		}
	}
	instead, within, err := t.followInstead(changes)
	if err != nil {
		return err
	}
	if instead != changes { // an error names the change as it was given, and comes before anything changes
		if _, err := t.check(changes); err != nil {
			return err
		}
	}
	if n := countPuts(changes); int(t.count())+n[0]+n[1]+within.Len() <= int(t.limit()) { // no room is taken from the changes
		if _, err := t.applyFollowed(ctx, within); err != nil {
			return err
		}
	}
	if err := t.applyList(ctx, instead, true); err != nil {
		return err
	}
	_, err = t.FollowPolicies(ctx)
	return err
}

// applyList makes changes of a command, or those that follow policies, which leave the revision of the table unchanged.
func (t *Table) applyList(ctx context.Context, changes *eroute.Changes, ofCommand bool) error {
	priors, err := t.check(changes)
	if err == nil && ofCommand && changesEroutes(changes, priors) {
		err = t.record.MarkChanged()
	}
	if err != nil {
		return err
	}
	return t.change(func(w *writer) error {
		if n := countPuts(changes); n[0]+n[1] > manyPuts {
			if err := w.counts.Reserve(w.ids, n[0]+n[1]); err != nil {
				return err
			}
			w.indexes.ReserveFor(puts(changes), n)
		}
		w.changes = changes
		for i, c := range changes.All() {
			err := ctx.Err()
			if err == nil {
				err = w.apply(c, priors[i])
			}
			if err != nil {
				return &eroute.ChangeError{Index: i, Change: c, Err: err}
			}
			w.made = i + 1
		}
		return w.endLateFlows(changes)
	})
}

// changesEroutes reports whether changes concern not only flows of traps.
func changesEroutes(changes *eroute.Changes, priors []prior) bool {
	for i, c := range changes.All() {
		if c.Op != eroute.OpDel || priors[i] != priorAbsent {
			return true
		}
	}
	return false
}

// Check returns the effect or the error of Apply without changing the table. Flows of traps are not counted.
func (t *Table) Check(changes *eroute.Changes) (Effect, error) {
	priors, err := t.check(changes)
	if err != nil {
		return Effect{}, err
	}
	return t.effect(changes, priors)
}

// effect compares the table with the result of the changes. Eroutes that are put again count as changed.
func (t *Table) effect(changes *eroute.Changes, priors []prior) (e Effect, err error) {
	type state struct{ before, after bool }
	states, cleared := make(map[eroute.Selector]state), false
	for i, c := range changes.All() {
		if c.Op == eroute.OpClear {
			cleared = true
			for s, now := range states {
				states[s] = state{before: now.before}
			}
			continue
		}
		now, known := states[c.Selector]
		if !known {
			now.before = priors[i] == priorPresent
			if cleared {
				if _, now.before, err = t.gen.Entry(c.Selector); err != nil {
					return e, err
				}
			}
		}
		now.after = c.Op != eroute.OpDel
		states[c.Selector] = now
	}
	touched := 0
	for _, now := range states {
		switch {
		case now.before && now.after:
			e.Changed++
		case now.after:
			e.Added++
		case now.before:
			e.Deleted++
		}
		if now.before {
			touched++
		}
	}
	if others := int(t.count()) - touched; cleared {
		e.Deleted += others
	} else {
		e.Kept = others
	}
	return e, nil
}

// manyPuts is the number of changes that take counters from which room is reserved for all of them at once.
const manyPuts = 1024

// puts yields the selector of each change that takes counters.
func puts(changes *eroute.Changes) iter.Seq[eroute.Selector] {
	return func(yield func(eroute.Selector) bool) {
		for _, c := range changes.All() {
			if (c.Op == eroute.OpAdd || c.Op == eroute.OpReplace) && !yield(c.Selector) {
				return
			}
		}
	}
}

// countPuts counts, by family, the changes that take counters.
func countPuts(changes *eroute.Changes) (n [len(abi.Families)]int) {
	for s := range puts(changes) {
		n[abi.FamilyIndex(s)]++
	}
	return n
}

// change applies changes to the table, and returns when no packet uses the previous state.
func (t *Table) change(apply func(*writer) error) error {
	view, err := t.sas.NewView()
	if err != nil {
		return err
	}
	t.beginWriting()
	ix, err := t.openIndexes()
	if err != nil {
		return err
	}
	w := &writer{Table: t, view: view, indexes: ix, sources: tries.NewSources(t.gen, t.uncounted), entries: tries.NewEntryWriter(t.gen), hadFlows: t.haveFlows(), endedTraps: map[uint32]relaywire.HoldEndReason{}, trapSlots: map[uint32]bool{}}
	err = errors.Join(apply(w), w.entries.Flush())
	unusable := w.indexes.Err()
	closed := w.indexes.CloseAsync() // takes milliseconds if they are large, as waitAndFree does
	if err == nil && unusable == nil {
		err = errors.Join(w.sources.Flush(), w.waitAndFree())
	}
	err = errors.Join(err, <-closed)
	if err == nil {
		t.endWriting()
	} else {
		// If repair fails too, the next command repairs the table.
		_ = t.repair()
	}
	return errors.Join(err, journal.PublishTo(t.dir.Path(), w.events()), t.notifyRelay(w.endedHolds))
}

// prior is the state of a change's selector just before the change is made.
type prior uint8

const (
	priorPresent prior = iota // in the table
	priorAbsent               // not in the table
	priorChanged              // an earlier change in the list has this selector
)

// check validates the changes without making them.
func (t *Table) check(changes *eroute.Changes) (priors []prior, err error) {
	var (
		count   = t.count()
		cleared = count == 0 && !t.haveFlows() // the table has neither eroutes nor flows
		changed = newLatest(changes)
	)
	priors = make([]prior, changes.Len())
	for i, c := range changes.All() {
		refuse := func(err error) ([]prior, error) { return nil, &eroute.ChangeError{Index: i, Change: c, Err: err} }
		if err := errors.Join(c.Validate(), checkSpread(&c)); err != nil {
			return refuse(err)
		}
		if c.Op == eroute.OpClear {
			cleared, count = true, 0
			changed.clear()
			continue
		}
		var is presence
		last := changed.of(c.Selector)
		if *last != 0 {
			is.entry = changes.At(int(*last-1)).Op != eroute.OpDel
		} else if !cleared {
			if is, err = t.presence(c.Selector); err != nil {
				return nil, err
			}
		}
		switch {
		case *last != 0:
			priors[i] = priorChanged
		case !is.entry:
			priors[i] = priorAbsent
		}
		exists, follows := is.entry || is.flow, false
		if c.Op == eroute.OpDel && is.followed && !c.Followed {
			if follows, err = t.Follows(); err != nil {
				return nil, err
			}
		}
		switch {
		case c.Op == eroute.OpDel && !exists:
			return refuse(eroute.ErrNotFound)
		case c.Op == eroute.OpAdd && exists && !is.followed:
			return refuse(eroute.ErrExist)
		case follows:
			return refuse(eroute.ErrFollowed)
		case c.Op == eroute.OpDel && is.entry:
			count--
		case c.Op == eroute.OpDel || is.entry:
		case count >= t.limit():
			return refuse(fmt.Errorf("%w: the limit is %d eroutes", eroute.ErrTableFull, t.limit()))
		default:
			count++
		}
		*last = uint32(i + 1)
	}
	return priors, nil
}

// presence reports where an eroute exists: in the table, among the flows of traps, or in both, and whether it follows
// a policy of XFRM. A flow takes precedence over its trap.
type presence struct{ entry, flow, followed bool }

func (t *Table) presence(s eroute.Selector) (is presence, err error) {
	entry, exists, err := t.gen.Entry(s)
	if err != nil {
		return is, err
	}
	is.entry, is.followed = exists, exists && entry.Followed != 0
	flow, err := t.flow(s)
	is.flow = flow != nil
	return is, err
}

// SetLimit sets the maximum number of eroutes of both families together. It returns an error if the table holds
// more, or if the kernel's tries cannot hold that many.
func (t *Table) SetLimit(limit uint32) error {
	if count := t.count(); limit < count {
		return fmt.Errorf("set limit to %d: the table holds %d eroutes", limit, count)
	}
	// A full trie refuses even an update in place, so one entry stays spare.
	if limit >= uint32(bpf.ABILimitsEROUTE_MAX) {
		return fmt.Errorf("set limit to %d: the most is %d", limit, bpf.ABILimitsEROUTE_MAX-1)
	}
	t.setLimit(limit)
	return nil
}
