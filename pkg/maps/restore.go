// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/index"
	"github.com/ipsec-eroute/eroute/pkg/journal"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/relaywire"
	"github.com/ipsec-eroute/eroute/pkg/revision"
	"github.com/ipsec-eroute/eroute/pkg/sas"
	"github.com/ipsec-eroute/eroute/pkg/tries"
)

// Effect counts the eroutes that changes add, change, delete, and leave as they are.
type Effect struct{ Added, Changed, Deleted, Kept int }

// Restore atomically replaces the table with the eroutes, each an OpAdd: every packet matches against the old
// table or the new one. Eroutes that are equal in both keep their counters; all holds and other flows of traps
// end. It reads the eroutes one by one. If one is refused, it returns an *eroute.ChangeError that names it; if
// they end with an error, it returns that error. In both cases, and if commit is false, the table does not
// change. It accepts a group by CPU on a kernel that binds no state to a CPU: the first SA that exists is used, and a
// saved table also returns after a boot with an older kernel.
func (t *Table) Restore(ctx context.Context, eroutes iter.Seq2[eroute.Change, error], commit bool) (Effect, error) {
	return t.restore(ctx, eroutes, commit, nil)
}

// RestoreAs is Restore, and records the revision of the new table. If no eroute changes, it only does that: holds do not
// end.
func (t *Table) RestoreAs(ctx context.Context, eroutes iter.Seq2[eroute.Change, error], r revision.Revision) (Effect, error) {
	return t.restore(ctx, eroutes, true, &r)
}

func (t *Table) restore(ctx context.Context, eroutes iter.Seq2[eroute.Change, error], commit bool, as *revision.Revision) (Effect, error) {
	view, err := t.sas.NewView()
	if err != nil {
		return Effect{}, err
	}
	t.beginBuilding()
	r, err := t.newRestore(view)
	if err != nil {
		return Effect{}, err // the next command cleans up
	}
	err = r.fill(ctx, eroutes)
	if err == nil {
		err = r.keepFollowed(ctx)
	}
	if err == nil {
		err = errors.Join(r.entries.Flush(), r.sources.Flush(), r.indexes.Close())
	}
	changes := r.effect.Added+r.effect.Changed+r.effect.Deleted > 0
	only := commit && as != nil && !changes
	if err == nil && commit && changes {
		err = t.record.MarkChanged()
	}
	if err != nil || !commit || only {
		if left := r.abandon(); left != nil {
			_ = t.repair()
			return r.effect, errors.Join(err, left)
		}
		t.endWriting()
		if err == nil && only {
			err = t.record.Write(*as)
		}
		return r.effect, err
	}
	t.gen, r.oldGen = r.gen, t.gen
	if err := r.commit(); err != nil {
		_ = t.repair()
		return r.effect, err
	}
	t.endWriting()
	if as != nil {
		err = t.record.Write(*as)
	}
	published := errors.Join(err, journal.PublishTo(t.dir.Path(), restoreEvent(r.effect)), t.notifyRelay([]relaywire.HoldEnded{{Reason: relaywire.Cleared}}))
	_, err = t.FollowPolicies(ctx)
	return r.effect, errors.Join(published, err)
}

// restore is a standby table that is being built.
type restore struct {
	*writer // of the new generation
	next    uint32
	made    [len(abi.Families)]uint32 // number of its eroutes
	effect  Effect
	used    []uint64                      // ids in use
	refs    map[abi.SAIDKey]abi.SAIDValue // SAs that it names
	bound   []sas.Ref                     // references to SAs until the table is in use
	params  map[eroute.Selector]eroute.AcquireParams

	// Of the table in use.
	oldGen     *tries.Generation
	oldIndexes *index.Set
	oldCount   int
	oldIDs     []uint64
}

func (t *Table) newRestore(view *sas.View) (*restore, error) {
	next := 1 - t.generation()
	if err := errors.Join(t.dropOtherGeneration(t.generation()), tries.Create(t.dir.Path(), t.maps, next)); err != nil {
		return nil, err
	}
	g, err := tries.Open(t.dir, t.maps, next, t.options)
	if err != nil {
		return nil, err
	}
	old := t.indexesOf(t.generation())
	if err := old.OpenExisting(); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	standby := *t
	standby.gen = g
	return &restore{
		writer: &writer{Table: &standby, view: view, indexes: t.indexesOf(next), sources: tries.NewSources(g, t.uncounted), entries: tries.NewEntryWriter(g)},
		next:   next,
		used:   make([]uint64, len(t.ids.Words)), refs: map[abi.SAIDKey]abi.SAIDValue{}, params: map[eroute.Selector]eroute.AcquireParams{},
		oldGen: t.gen, oldIndexes: old, oldCount: int(t.count()), oldIDs: slices.Clone(t.ids.Words),
	}, nil
}

func (r *restore) fill(ctx context.Context, eroutes iter.Seq2[eroute.Change, error]) error {
	i := -1
	for c, err := range eroutes {
		i++
		if err != nil {
			return err
		}
		if i%pinned.BatchSize == 0 {
			err = ctx.Err()
		}
		if err == nil {
			err = r.put(c)
		}
		if err != nil {
			return &eroute.ChangeError{Index: i, Change: c, Err: err}
		}
	}
	r.effect.Deleted = r.oldCount - r.effect.Kept - r.effect.Changed
	return nil
}

// keepFollowed adds the eroutes of the old table that follow policies of XFRM, and those that are to follow them in place of
// written ones that the new table does not have. Those of the new table stay.
func (r *restore) keepFollowed(ctx context.Context) error {
	follows, err := r.Follows()
	if err != nil || !follows {
		return err
	}
	old := *r.Table
	old.gen = r.oldGen
	effect := r.effect // put() counts; these eroutes were counted as deleted
	for c, err := range old.followed() {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = r.put(c)
		}
		if errors.Is(err, eroute.ErrExist) && r.kept(c.Selector) { // written from now on: it does not end with the policy
			effect.Kept--
			effect.Changed++
		}
		if errors.Is(err, eroute.ErrExist) || errors.Is(err, eroute.ErrTableFull) { // followPolicies reports those that do not fit
			continue
		}
		if err != nil {
			return fmt.Errorf("keep %s -> %s: %w", c.Selector.Src, c.Selector.Dst, err)
		}
		effect.Deleted--
	}
	defer func() { r.effect = effect }()
	want, _ := r.toFollow() // FollowPolicies reports an error
	for _, s := range want {
		err := r.put(eroute.Change{Op: eroute.OpAdd, Selector: s, SAID: eroute.XFRM, Followed: true})
		if err != nil && !errors.Is(err, eroute.ErrExist) && !errors.Is(err, eroute.ErrTableFull) {
			return fmt.Errorf("follow %s -> %s: %w", s.Src, s.Dst, err)
		}
	}
	return ctx.Err()
}

// put adds an eroute to the new table.
func (r *restore) put(c eroute.Change) error {
	s := c.Selector
	if err := c.Validate(); err != nil {
		return err
	}
	x := r.indexes.Ensure(s)
	if x == nil {
		return errors.New("no memory for the index")
	}
	if x.Lookup(s) != nil {
		return eroute.ErrExist
	}
	if r.made[0]+r.made[1] >= r.limit() {
		return fmt.Errorf("%w: the limit is %d eroutes", eroute.ErrTableFull, r.limit())
	}
	slot, err := r.bindSA(sas.Ref{SAID: c.SAID, Family: eroute.FamilyOf(s.Src.Addr())})
	if err != nil {
		return err
	}
	id, err := r.takeID(c, slot)
	if err != nil {
		return err
	}
	if err := r.sources.Add(s); err != nil {
		return err
	}
	if err := r.sources.FlushIfMany(); err != nil {
		return err
	}
	if c.SAID.Traps() && c.Acquire != (eroute.AcquireParams{}) && c.Acquire != eroute.DefaultAcquire {
		r.params[s] = c.Acquire
	}
	value := abi.NewValue(c, id, slot)
	if err := r.entries.Put(s, value); err != nil {
		return err
	}
	r.indexes.Put(s, value)
	r.made[abi.FamilyIndex(s)]++
	return nil
}

// takeID returns the id of the counters of an eroute: those of the old table if the eroute is the same there,
// else new ones.
func (r *restore) takeID(c eroute.Change, slot uint32) (id uint32, err error) {
	old, err := r.oldEntry(c.Selector)
	if err != nil {
		return 0, err
	}
	if old != nil && old.Action == uint8(c.SAID.Action()) && old.Sa == slot && r.sameAcquire(c) {
		r.effect.Kept++
		id = old.Id
	} else {
		if old != nil {
			r.effect.Changed++
		} else {
			r.effect.Added++
		}
		if id, err = r.ids.Take(); err != nil {
			return 0, eroute.ErrTableFull
		}
		if err := r.counts.Reset(id); err != nil {
			return 0, err
		}
	}
	r.used[id/64] |= 1 << (id % 64)
	return id, nil
}

// oldEntry returns the old table's entry with this selector, or nil if there is none.
func (r *restore) oldEntry(s eroute.Selector) (*bpf.ABIIndexEntry, error) {
	if x := r.oldIndexes.Index(abi.FamilyIndex(s)); x != nil {
		return x.Lookup(s), nil
	}
	if r.oldCount == 0 {
		return nil, nil
	}
	v, exists, err := r.oldGen.Entry(s)
	if err != nil || !exists {
		return nil, err
	}
	value := index.ValueOf(v)
	return &value, nil
}

// kept reports whether the new table has a written eroute that equals one of the old table that follows policies.
func (r *restore) kept(s eroute.Selector) bool {
	entry := r.indexes.Ensure(s).Lookup(s)
	return entry != nil && entry.Action == uint8(eroute.ActionXFRM)
}

func (r *restore) sameAcquire(c eroute.Change) bool {
	if !c.SAID.Traps() {
		return true
	}
	params := c.Acquire
	if params == (eroute.AcquireParams{}) {
		params = eroute.DefaultAcquire
	}
	old, err := r.AcquireParams(c.Selector)
	return err == nil && old == params
}

// bindSA binds an SA for an eroute of the new table, and returns its slot.
func (r *restore) bindSA(ref sas.Ref) (slot uint32, err error) {
	if ref.SAID.Action() != eroute.ActionSA {
		return 0, nil
	}
	key := abi.NewSAIDKey(ref.SAID)
	v, known := r.refs[key]
	refs := v.Refs(ref.Family)
	if !known || *refs == 0 {
		held := false
		if v.Slot, held, err = r.sas.Held(ref, r.view); err != nil {
			return 0, err
		}
		if !held {
			if v.Slot, err = r.sas.Hold(ref, r.view); err != nil {
				return 0, err
			}
			r.bound = append(r.bound, ref)
		}
	}
	*refs++
	r.refs[key] = v
	return v.Slot, nil
}

// abandon frees the standby table and everything taken for it.
func (r *restore) abandon() error {
	r.entries.Abandon()
	r.ids.Load(r.oldIDs)
	closed := errors.Join(r.gen.Close(), r.indexes.Close(), r.oldIndexes.Close())
	var errs pinned.ErrorList
	for _, ref := range r.bound {
		errs.Add(r.sas.Release(ref))
	}
	return errors.Join(closed, errs.Err(), r.dropOtherGeneration(r.generation()))
}

// commit switches to the new table and frees what only the old one used.
func (r *restore) commit() error {
	r.beginWriting()
	r.setGeneration(r.next)
	r.setCounts(r.made)
	if err := pinned.WaitForPackets(); err != nil {
		return err
	}
	r.ids.Load(r.used)
	return errors.Join(r.oldGen.Close(), r.oldIndexes.Close(), r.sas.ReplaceCounts(r.refs), r.sas.BindClaimed(r.view), r.acquire.Replace(r.params),
		r.deleteOtherFlows(r.next), r.dropOtherGeneration(r.next))
}
