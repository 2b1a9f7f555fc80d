// SPDX-License-Identifier: Apache-2.0

package sas

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// A bundle has one slot, and all its states have the if_id of this slot, so a state can be used by a bundle or by other
// SAIDs, not by both: the if_id of one of them would have a policy whose state is missing. The SAID that a state is bound
// to keeps it as long as packets can use that.

// claimed returns xfrm.ErrUnsupported if the state of a SAID, or one of its bundle, is used by another SAID, and one of
// both is a bundle. view notes this, see [Set.BindClaimed].
func (set *Set) claimed(key abi.SAIDKey, s xfrm.State, view *View) error {
	for _, part := range s.Bundle() {
		owner, err := set.ownerOf(part.IfID)
		if err != nil {
			return err
		}
		if owner == nil {
			continue
		}
		p, err := set.partner(owner)
		if err != nil {
			return err
		}
		for _, user := range []*namedSA{owner, p} {
			if user == nil || user.key == key || !user.key.IsBundle() && !key.IsBundle() || !IsUsable(&user.sa) || !names(user.key.SAID(), part, view) {
				continue
			}
			view.claimed = append(view.claimed, key)
			return fmt.Errorf("bind %s: %s is used by %s: a state in a bundle cannot have a second SAID: %w",
				key.SAID(), part.StateKey, user.key.SAID(), xfrm.ErrUnsupported)
		}
	}
	return nil
}

// names reports whether a SAID, or one of its bundle, names a state now.
func names(said eroute.SAID, s *xfrm.State, view *View) bool {
	return slices.ContainsFunc(said.Bundle(), func(sa eroute.SAID) bool {
		found, err := view.find(sa)
		return err == nil && found.StateKey == s.StateKey
	})
}

// BindClaimed binds the SAs whose states other SAIDs have used when the command that has the view tried to bind them. The
// command has released those SAIDs since.
func (set *Set) BindClaimed(view *View) error {
	var errs pinned.ErrorList
	set.bindClaimed(view, &errs, xfrm.ErrNoState, xfrm.ErrUnsupported)
	return errs.Err()
}

// bindClaimed is BindClaimed with the errors that are ignored.
func (set *Set) bindClaimed(view *View, errs *pinned.ErrorList, ignored ...error) {
	claimed := view.claimed
	view.claimed = nil
	for _, key := range claimed {
		v, found, err := set.entry(key)
		if err == nil && found && Families(v) != 0 {
			err = set.bind(key, v, view)
		}
		if !slices.ContainsFunc(ignored, func(i error) bool { return errors.Is(err, i) }) {
			errs.Add(err)
		}
	}
}
