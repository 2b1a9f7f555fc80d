// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"context"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/journal"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// mostLogged is the number of eroutes or policies that each have a line in the log. If more change at once, their number
// is logged, and the journal has all of them.
const mostLogged = 10

// followRetry is the time after which a comparison with the policies of XFRM that has failed is repeated.
const followRetry = 30 * time.Second

// followPolicies makes the table follow the policies of XFRM if they, or the table, have changed: states change far more
// often, and a comparison reads all policies and eroutes. Another process can have been killed between its change of the
// table and its comparison.
func (r *relay) followPolicies(ctx context.Context, t *maps.Table) error {
	if !r.policiesChanged.Swap(false) && t.Version() == r.followedVersion {
		return nil
	}
	followed, err := t.FollowPolicies(ctx)
	r.logFollowed(&followed)
	r.followedVersion = t.Version()
	if err != nil {
		r.followAgain = time.Now().Add(followRetry)
	}
	return err
}

// logFollowed logs which eroutes now follow policies of XFRM and which do not any more, and policies that are found to
// have packets without an eroute.
func (r *relay) logFollowed(f *maps.Followed) {
	if f.Changes == nil {
		return
	}
	if f.Changes.Len() > mostLogged {
		added := 0
		for _, c := range f.Changes.All() {
			if c.Op == eroute.OpAdd {
				added++
			}
		}
		r.log.Info("follow policies", "added", added, "deleted", f.Changes.Len()-added)
	} else {
		for _, c := range f.Changes.All() {
			message := "add followed eroute"
			if c.Op == eroute.OpDel {
				message = "delete followed eroute"
			}
			r.log.Info(message, attributes(&journal.Event{Eroute: c.Selector, SAID: eroute.XFRM})...)
		}
	}

	left, logged := make(map[string]bool), 0
	for _, l := range f.Left {
		text := l.String()
		left[text] = true
		if r.left[text] {
			continue
		}
		if logged++; logged <= mostLogged {
			r.log.Warn("not all packets have an eroute", "found", text)
		}
	}
	if logged > mostLogged {
		r.log.Warn("not all packets have an eroute", "more policies", logged-mostLogged)
	}
	r.left = left
}
