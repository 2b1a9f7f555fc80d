// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/revision"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// checkRevision checks the revision that the statistics show.
func checkRevision(t *testing.T, table *Table, want revision.Revision) {
	t.Helper()
	if s, err := table.Stats(); err != nil || s.Revision != want {
		t.Errorf("%+v, %v, want %+v", s.Revision, err, want)
	}
}

func mustRestoreAs(t *testing.T, table *Table, r revision.Revision, changes ...eroute.Change) {
	t.Helper()
	if _, err := table.RestoreAs(t.Context(), inTurn(nil, changes...), r); err != nil {
		t.Fatal(err)
	}
}

var (
	ofFirst        = revision.Revision{ID: "first"}
	ofFirstChanged = revision.Revision{ID: "first", Changed: true}
)

// The revision of a table is that of the last restore as a revision. Each change of eroutes by a command marks it as
// changed; a refused one does not.
func TestRevisionChanged(t *testing.T) {
	table := newTable(t)
	checkRevision(t, table, revision.Revision{})
	reset := func() {
		t.Helper()
		mustRestoreAs(t, table, ofFirst, add(nth(0), eroute.Drop), add(nth(1), eroute.Trap))
		checkRevision(t, table, ofFirst)
	}
	for name, change := range map[string]func() error{
		"add":     func() error { return table.Apply(t.Context(), []eroute.Change{add(nth(2), eroute.Drop)}) },
		"replace": func() error { return table.Apply(t.Context(), []eroute.Change{replace(nth(0), eroute.Pass)}) },
		"delete":  func() error { return table.Apply(t.Context(), []eroute.Change{del(nth(0))}) },
		"clear":   func() error { return table.Apply(t.Context(), []eroute.Change{empty}) },
		"restore": func() error { _, err := table.Restore(t.Context(), inTurn(nil), true); return err },
		"restore other": func() error {
			_, err := table.Restore(t.Context(), inTurn(nil, add(nth(0), eroute.Pass)), true)
			return err
		},
	} {
		reset()
		if err := change(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		checkRevision(t, table, ofFirstChanged)
	}

	reset()
	if err := table.Apply(t.Context(), []eroute.Change{add(nth(2), eroute.Drop), add(nth(0), eroute.Drop)}); err == nil {
		t.Error("added twice")
	}
	if _, err := table.Restore(t.Context(), inTurn(nil, add(nth(5), eroute.Drop)), false); err != nil {
		t.Error(err)
	}
	if _, err := table.RestoreAs(t.Context(), inTurn(nil, add(nth(5), eroute.Drop), add(nth(5), eroute.Drop)), revision.Revision{ID: "second"}); err == nil {
		t.Error("restored twice the same")
	}
	checkRevision(t, table, ofFirst)
	mustRestoreAs(t, table, revision.Revision{}, add(nth(0), eroute.Drop))
	checkRevision(t, table, revision.Revision{})
}

// The table shows the revision also to readers that do not lock it, and after it was closed.
func TestRevisionStays(t *testing.T) {
	table := newTable(t)
	mustRestoreAs(t, table, ofFirst, add(nth(0), eroute.Drop))
	watch, err := OpenWatch()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = watch.Close() }()
	checkRevision(t, watch, ofFirst)
	mustApply(t, table, &eroute.Linear{}, add(nth(2), eroute.Drop))
	checkRevision(t, watch, ofFirstChanged)
}

// Holds, other flows of traps and eroutes that follow policies are no changes; a restore that changes no eroute ends no
// hold.
func TestRevisionHoldsAndFollowed(t *testing.T) {
	m := newModel(t)
	table := newTable(t)
	followXFRM(t, table)
	written := []eroute.Change{add(nth(0), eroute.Drop), add(nth(1), eroute.Trap)}
	mustRestoreAs(t, table, revision.Revision{ID: "before"}, written...)

	hold := sel("10.9.9.9/32", "10.9.9.10/32")
	makeHold(t, table, hold, abi.Entry{Selector: nth(1)})
	policy := xfrm.Policy{
		Dir: xfrm.Out, Src: netip.MustParsePrefix("10.7.0.0/16"), Dst: netip.MustParsePrefix("10.8.0.0/16"),
		Templates: []xfrm.Template{{Proto: eroute.ProtoESP, Mode: xfrm.ModeTunnel, ReqID: 1}},
	}
	follow := func(policies ...xfrm.Policy) {
		t.Helper()
		m.foreign = policies
		if _, err := table.FollowPolicies(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	follow(policy)
	mustRestoreAs(t, table, ofFirst, written...)
	if s, err := table.Stats(); err != nil || s.Holds != 1 || s.Followed != 1 || s.Eroutes != 3 || s.Revision != ofFirst {
		t.Errorf("%+v, %v", s, err)
	}
	follow()
	follow(policy)
	if err := table.Apply(t.Context(), []eroute.Change{del(hold)}); err != nil {
		t.Error(err)
	}
	checkRevision(t, table, ofFirst)

	// A written eroute in place of a followed one is a change: it does not end with the policy.
	mustRestoreAs(t, table, ofFirst, written...)
	same := add(eroute.Selector{Src: policy.Src, Dst: policy.Dst}, eroute.XFRM)
	effect, err := table.RestoreAs(t.Context(), inTurn(nil, written[0], written[1], same), revision.Revision{ID: "second"})
	if err != nil || effect != (Effect{Changed: 1, Kept: 2}) {
		t.Errorf("%+v, %v", effect, err)
	}
	follow()
	if s, err := table.Stats(); err != nil || s.Eroutes != 3 || s.Followed != 0 || s.Revision.ID != "second" || s.Revision.Changed {
		t.Errorf("%+v, %v", s, err)
	}
	// The deletion of a written eroute that a followed one replaces is a change.
	follow(policy)
	if err := table.Apply(t.Context(), []eroute.Change{del(same.Selector)}); err != nil {
		t.Fatal(err)
	}
	checkRevision(t, table, revision.Revision{ID: "second", Changed: true})
}
