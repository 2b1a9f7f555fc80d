// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/follow"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Follows reports whether an ipsec device was attached so that the table follows the policies of XFRM.
func (t *Table) Follows() (bool, error) {
	virtuals, err := t.dir.Virtuals()
	if err != nil {
		return false, err
	}
	for _, virtual := range virtuals {
		b, err := t.dir.Binding(virtual)
		if err != nil && !errors.Is(err, loader.ErrNotAttached) {
			return false, err
		}
		if b.Follow {
			return true, nil
		}
	}
	return false, nil
}

// Followed is what [Table.FollowPolicies] has found.
type Followed struct {
	Changes *eroute.Changes // that were made of eroutes that follow policies; nil if the table follows none
	Left    []follow.Left   // policies some of whose packets have no eroute
}

// FollowPolicies makes the eroutes that follow policies of XFRM equal to these, if the table follows them.
func (t *Table) FollowPolicies(ctx context.Context) (f Followed, err error) {
	follows, err := t.Follows()
	if err != nil || !follows || t.xfrm == nil {
		return f, err
	}
	policies, err := t.xfrm.Policies()
	if err != nil {
		return f, err
	}
	changes, left, err := t.Following(policies)
	if err != nil {
		return f, err
	}
	f.Left = left
	f.Changes, err = t.applyFollowed(ctx, changes)
	return f, err
}

// toFollow returns the selectors of eroutes that are to follow policies of XFRM if commands have written none.
func (t *Table) toFollow() (selectors []eroute.Selector, err error) {
	if t.xfrm == nil {
		return nil, nil
	}
	policies, err := t.xfrm.Policies()
	if err != nil {
		return nil, err
	}
	selectors, _ = follow.Selectors(policies, nil)
	return selectors, nil
}

// PoliciesToFollow returns the policies of XFRM if the table follows them.
func (t *Table) PoliciesToFollow() (policies []xfrm.Policy, err error) {
	follows, err := t.Follows()
	if err != nil || !follows {
		return nil, err
	}
	x := t.xfrm
	if x == nil { // opened for reading
		if x, err = openXFRM(); err != nil || x == nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, x.Close()) }()
	}
	if policies, err = x.Policies(); err != nil {
		return nil, fmt.Errorf("read the policies of XFRM, which the table follows: %w", err)
	}
	return policies, nil
}

// followInstead returns the changes with the deletion of an eroute that has the selector of one that is to follow a policy
// as a replacement by that one, and the eroutes that are to follow policies within other eroutes that the changes delete.
// So no packet is without an eroute between the deletion and [Table.FollowPolicies]. Without deletions it returns the
// changes as they are.
func (t *Table) followInstead(changes *eroute.Changes) (instead, within *eroute.Changes, err error) {
	deleted := make(map[eroute.Selector]bool)
	for _, c := range changes.All() {
		if c.Op == eroute.OpDel {
			deleted[c.Selector] = true
		} else {
			delete(deleted, c.Selector)
		}
	}
	within = &eroute.Changes{}
	if len(deleted) == 0 {
		return changes, within, nil
	}
	want, err := t.toFollow()
	if err != nil {
		return nil, nil, err
	}
	outer := slices.Collect(maps.Keys(deleted))
	replaced := make(map[eroute.Selector]bool)
	for _, s := range want {
		if deleted[s] {
			replaced[s] = true
			continue
		}
		is, err := t.presence(s)
		if err != nil {
			return nil, nil, err
		}
		contains := func(d eroute.Selector) bool { return d.Contains(s) }
		if !is.entry && !is.flow && slices.ContainsFunc(outer, contains) {
			within.Append(eroute.Change{Op: eroute.OpAdd, Selector: s, SAID: eroute.XFRM, Followed: true})
		}
	}
	instead = &eroute.Changes{}
	for _, c := range changes.All() {
		if c.Op == eroute.OpDel && replaced[c.Selector] {
			c = eroute.Change{Op: eroute.OpReplace, Selector: c.Selector, SAID: eroute.XFRM, Followed: true}
		}
		instead.Append(c)
	}
	return instead, within, nil
}

// Following returns the changes that make the eroutes that follow policies of XFRM equal to these, and the policies some
// of whose packets have none. Additions come first, so that packets which keep an eroute, though another one, have one at
// any time. Eroutes with the selector of a policy that commands have written, and flows of traps, stay in place of a
// followed one.
func (t *Table) Following(policies []xfrm.Policy) (changes *eroute.Changes, left []follow.Left, err error) {
	present := make(map[eroute.Selector]bool) // whether the eroute follows a policy
	var others []eroute.Selector
	err = t.gen.EachEntry(func(e abi.Entry) (bool, error) {
		present[e.Selector] = e.Value.Followed != 0
		if e.Value.Followed == 0 {
			others = append(others, e.Selector)
		}
		return true, nil
	})
	if err != nil {
		return nil, nil, err
	}
	flows, err := t.currentFlows()
	if err != nil {
		return nil, nil, err
	}
	for _, f := range flows {
		if s := abi.FlowSelector(&f.key); !present[s] {
			present[s] = false
		}
	}
	want, left := follow.Selectors(policies, others)
	changes = &eroute.Changes{}
	for _, s := range want {
		if _, is := present[s]; !is {
			changes.Append(eroute.Change{Op: eroute.OpAdd, Selector: s, SAID: eroute.XFRM, Followed: true})
		}
		delete(present, s)
	}
	for s, followed := range present {
		if followed {
			changes.Append(eroute.Change{Op: eroute.OpDel, Selector: s, Followed: true})
		}
	}
	return changes, left, nil
}

// maxLeft is the number of policies that [Followed.Notes] describes.
const maxLeft = 3

// Notes describes the policies some of whose packets have no eroute, a few of them if there are many.
func (f *Followed) Notes() (texts []string) {
	for _, l := range f.Left[:min(len(f.Left), maxLeft)] {
		texts = append(texts, "not all packets have an eroute: "+l.String())
	}
	if more := len(f.Left) - maxLeft; more > 0 {
		texts = append(texts, fmt.Sprintf("%d more policies have packets without an eroute, see ipsec doctor", more))
	}
	return texts
}

// EndFollowing deletes the eroutes that follow policies of XFRM, unless a device asks for them.
func (t *Table) EndFollowing(ctx context.Context) error {
	follows, err := t.Follows()
	if err != nil || follows {
		return err
	}
	changes := &eroute.Changes{}
	err = t.gen.EachEntry(func(e abi.Entry) (bool, error) {
		if e.Value.Followed != 0 {
			changes.Append(eroute.Change{Op: eroute.OpDel, Selector: e.Selector, Followed: true})
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	_, err = t.applyFollowed(ctx, changes)
	return err
}

// applyFollowed makes changes of eroutes that follow policies, and returns those made. If the table has no room for all,
// additions that do not fit are an error, and an eroute is not deleted that contains an addition: rather than some of its
// packets leave in clear, those drop that XFRM sends in clear.
func (t *Table) applyFollowed(ctx context.Context, changes *eroute.Changes) (made *eroute.Changes, err error) {
	var adds, deletions []eroute.Change
	for _, c := range changes.All() {
		if c.Op == eroute.OpAdd {
			adds = append(adds, c)
		} else {
			deletions = append(deletions, c)
		}
	}
	room, missing := max(0, int(t.limit())-int(t.count())), 0
	if room+len(deletions) < len(adds) {
		deletions = slices.DeleteFunc(deletions, func(d eroute.Change) bool {
			return slices.ContainsFunc(adds, func(a eroute.Change) bool { return d.Selector.Contains(a.Selector) })
		})
		fit := min(len(adds), room+len(deletions))
		adds, missing = adds[:fit], len(adds)-fit
	}
	first := min(room, len(adds))
	made = eroute.ChangesOf(slices.Concat(adds[:first], deletions, adds[first:])...)
	if made.Len() > 0 {
		if err := t.applyList(ctx, made, false); err != nil {
			return &eroute.Changes{}, errors.New("follow the policies of XFRM: " + err.Error()) // not a ChangeError: the command made no such change
		}
	}
	if missing > 0 {
		return made, fmt.Errorf("follow the policies of XFRM: %d have no eroute: %w: the limit is %d eroutes", missing, eroute.ErrTableFull, t.limit())
	}
	return made, nil
}

// followed yields the eroutes that follow policies of XFRM, as changes that add them. An error ends it.
func (t *Table) followed() iter.Seq2[eroute.Change, error] {
	return func(yield func(eroute.Change, error) bool) {
		slots := t.sas.Reader()
		err := t.gen.EachEntry(func(e abi.Entry) (bool, error) {
			if e.Value.Followed == 0 {
				return true, nil
			}
			said, err := slots.SAID(&e.Value)
			return err == nil && yield(eroute.Change{Op: eroute.OpAdd, Selector: e.Selector, SAID: said, Followed: true}, nil), err
		})
		if err != nil {
			yield(eroute.Change{}, err)
		}
	}
}
