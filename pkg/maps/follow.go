// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"context"
	"errors"
	"fmt"
	"iter"
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
	Changes *eroute.Changes // of eroutes that follow policies; nil if the table follows none
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
	f.Changes, f.Left, err = t.Following(policies)
	if err != nil {
		return f, err
	}
	return f, t.applyFollowed(ctx, f.Changes)
}

// Following returns the changes that make the eroutes that follow policies of XFRM equal to these, additions first, so
// that packets which keep an eroute, though another one, have one at any time, and
// the policies that have none. Eroutes with the selector of a policy that commands have written, and flows of traps,
// stay in place of a followed one.
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
	return t.applyFollowed(ctx, changes)
}

// applyFollowed makes changes of eroutes that follow policies. If the table has no room for all additions, it makes the
// deletions first, then the additions that fit; the others are an error.
func (t *Table) applyFollowed(ctx context.Context, changes *eroute.Changes) error {
	var adds, deletions []eroute.Change
	for _, c := range changes.All() {
		if c.Op == eroute.OpAdd {
			adds = append(adds, c)
		} else {
			deletions = append(deletions, c)
		}
	}
	ordered := slices.Concat(adds, deletions)
	if room := int(t.limit()) - int(t.count()); room < len(adds) {
		fit := min(len(adds), max(0, room+len(deletions)))
		ordered = slices.Concat(deletions, adds[:fit])
	}
	if len(ordered) > 0 {
		if err := t.applyList(ctx, eroute.ChangesOf(ordered...)); err != nil {
			return errors.New("follow the policies of XFRM: " + err.Error()) // not a ChangeError: the command made no such change
		}
	}
	if excess := changes.Len() - len(ordered); excess > 0 {
		return fmt.Errorf("follow the policies of XFRM: %d have no eroute: %w: the limit is %d eroutes", excess, eroute.ErrTableFull, t.limit())
	}
	return nil
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
