// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/testlab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/journal"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// A restore whose table leaves no room for the policies of XFRM that it should follow is made and published, and
// returns an error that names the reason.
func TestRestoreWithoutRoomToFollow(t *testing.T) {
	m := newModel(t)
	table := newTable(t)
	m.foreign = []xfrm.Policy{{
		Dir: xfrm.Out, Src: netip.MustParsePrefix("10.1.0.0/16"), Dst: netip.MustParsePrefix("10.2.0.0/16"),
		Templates: []xfrm.Template{{Proto: eroute.ProtoESP, Mode: xfrm.ModeTunnel, ReqID: 1}},
	}}
	followXFRM(t, table)
	if err := table.SetLimit(1); err != nil {
		t.Fatal(err)
	}
	events := openEvents(t)
	written := eroute.Change{Op: eroute.OpAdd, Selector: nth(1), SAID: eroute.Drop}
	_, err := table.Restore(t.Context(), func(yield func(eroute.Change, error) bool) { yield(written, nil) }, true)
	if !errors.Is(err, eroute.ErrTableFull) {
		t.Errorf("restore: %v, want %v", err, eroute.ErrTableFull)
	}
	if got := table.count(); got != 1 {
		t.Errorf("%d eroutes, want the written one", got)
	}
	read, _, err := events.Read(testlab.Within(t, 5e9))
	if err != nil || !slices.ContainsFunc(read, func(e journal.Event) bool { return e.Kind == journal.KindRestore }) {
		t.Errorf("events %+v, %v: no restore", read, err)
	}
}

// While the parts of a policy change, each packet that has a followed eroute before and after has one at any time: eroutes
// are added before others are deleted, if there is room.
func TestFollowAddsFirst(t *testing.T) {
	m := newModel(t)
	table := newTable(t)
	policy := func(dst string, priority uint32, templates ...xfrm.Template) xfrm.Policy {
		return xfrm.Policy{Dir: xfrm.Out, Src: netip.MustParsePrefix("10.1.0.0/16"), Dst: netip.MustParsePrefix(dst), Priority: priority, Templates: templates}
	}
	tunnel := policy("10.2.0.0/16", 20, xfrm.Template{Proto: eroute.ProtoESP, Mode: xfrm.ModeTunnel, ReqID: 1})
	followXFRM(t, table)
	events := openEvents(t)
	for _, step := range []struct {
		limit    uint32
		policies []xfrm.Policy
		want     string
	}{
		{1000, []xfrm.Policy{tunnel}, "add 10.2.0.0/16"},
		{1000, []xfrm.Policy{tunnel, policy("10.2.128.0/17", 10)}, "add 10.2.0.0/17, del 10.2.0.0/16"},
		{1000, []xfrm.Policy{tunnel}, "add 10.2.0.0/16, del 10.2.0.0/17"},
		{1, []xfrm.Policy{tunnel, policy("10.2.128.0/17", 10)}, "del 10.2.0.0/16, add 10.2.0.0/17"},
		{1, []xfrm.Policy{tunnel}, "del 10.2.0.0/17, add 10.2.0.0/16"},
		{2, []xfrm.Policy{policy("10.3.0.0/16", 20, tunnel.Templates...), policy("10.4.0.0/16", 20, tunnel.Templates...)}, "add 10.3.0.0/16, del 10.2.0.0/16, add 10.4.0.0/16"},
	} {
		m.foreign = step.policies
		if err := table.SetLimit(step.limit); err != nil {
			t.Fatal(err)
		}
		if _, err := table.FollowPolicies(t.Context()); err != nil {
			t.Error(err)
		}
		checkChanges(t, events, step.want)
	}

	// Without room for all parts the whole policy keeps its eroute.
	if err := table.SetLimit(1000); err != nil {
		t.Fatal(err)
	}
	m.foreign = []xfrm.Policy{tunnel}
	if _, err := table.FollowPolicies(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.foreign = []xfrm.Policy{tunnel, policy("10.2.192.0/18", 10)}
	if err := table.SetLimit(1); err != nil {
		t.Fatal(err)
	}
	f, err := table.FollowPolicies(t.Context())
	if !errors.Is(err, eroute.ErrTableFull) || f.Changes.Len() != 0 {
		t.Errorf("%d changes, %v, want none and %v", f.Changes.Len(), err, eroute.ErrTableFull)
	}
}

// A command that deletes an eroute in place of which others are to follow policies makes these first.
func TestFollowBeforeDeletion(t *testing.T) {
	m := newModel(t)
	table := newTable(t)
	prefix := netip.MustParsePrefix
	out := func(dst string, priority uint32, templates ...xfrm.Template) xfrm.Policy {
		return xfrm.Policy{Dir: xfrm.Out, Src: prefix("10.1.0.0/16"), Dst: prefix(dst), Priority: priority, Templates: templates}
	}
	esp := xfrm.Template{Proto: eroute.ProtoESP, Mode: xfrm.ModeTunnel, ReqID: 1}
	m.foreign = []xfrm.Policy{out("10.2.0.0/16", 20, esp), out("10.3.0.0/16", 20, esp), out("10.3.128.0/17", 10)}
	written := func(dst string) eroute.Selector { return eroute.Selector{Src: prefix("10.1.0.0/16"), Dst: prefix(dst)} }
	followXFRM(t, table)
	for _, dst := range []string{"10.2.0.0/16", "10.3.0.0/16"} {
		if err := table.Apply(t.Context(), []eroute.Change{{Op: eroute.OpAdd, Selector: written(dst), SAID: eroute.Drop}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct{ del, want string }{
		{"10.2.0.0/16", "replace 10.2.0.0/16"},
		{"10.3.0.0/16", "add 10.3.0.0/17, del 10.3.0.0/16"},
	} {
		events := openEvents(t)
		if err := table.Apply(t.Context(), []eroute.Change{{Op: eroute.OpDel, Selector: written(step.del)}}); err != nil {
			t.Fatal(err)
		}
		checkChanges(t, events, step.want)
	}

	// They take no room from the changes.
	if err := table.Apply(t.Context(), []eroute.Change{{Op: eroute.OpAdd, Selector: written("10.3.0.0/16"), SAID: eroute.Drop}}); err != nil {
		t.Fatal(err)
	}
	if err := table.SetLimit(table.count() + 1); err != nil {
		t.Fatal(err)
	}
	err := table.Apply(t.Context(), []eroute.Change{
		{Op: eroute.OpDel, Selector: written("10.3.0.0/16")}, {Op: eroute.OpAdd, Selector: written("10.4.0.0/16"), SAID: eroute.Drop},
		{Op: eroute.OpAdd, Selector: written("10.5.0.0/16"), SAID: eroute.Drop},
	})
	if !errors.Is(err, eroute.ErrTableFull) {
		t.Errorf("%v, want that the policies do not fit", err)
	}
	for _, dst := range []string{"10.4.0.0/16", "10.5.0.0/16"} {
		if _, exists, err := table.gen.Entry(written(dst)); err != nil || !exists {
			t.Errorf("%s was not added (%v)", dst, err)
		}
	}
	if err := table.SetLimit(1000); err != nil {
		t.Fatal(err)
	}
	for _, dst := range []string{"10.4.0.0/16", "10.5.0.0/16"} {
		if err := table.Apply(t.Context(), []eroute.Change{{Op: eroute.OpDel, Selector: written(dst)}}); err != nil {
			t.Fatal(err)
		}
	}

	// So does a restore.
	if err := table.Apply(t.Context(), []eroute.Change{{Op: eroute.OpAdd, Selector: written("10.2.0.0/16"), SAID: eroute.Drop}}); err != nil {
		t.Fatal(err)
	}
	events := openEvents(t)
	if _, err := table.Restore(t.Context(), func(func(eroute.Change, error) bool) {}, true); err != nil {
		t.Fatal(err)
	}
	read, _, err := events.Read(testlab.Within(t, 5e9))
	if err != nil || len(read) != 1 || read[0].Kind != journal.KindRestore {
		t.Errorf("events %+v, %v, want one of the restore", read, err)
	}
	if stats, err := table.Stats(); err != nil || stats.Followed != 2 {
		t.Errorf("%d eroutes follow policies (%v), want 2", stats.Followed, err)
	}
}

// checkChanges checks the next changes of the table: their kinds and destinations.
func checkChanges(t *testing.T, events *journal.Reader, want string) {
	t.Helper()
	var got []string
	for len(got) < strings.Count(want, ",")+1 {
		read, _, err := events.Read(testlab.Within(t, 5e9))
		if err != nil {
			t.Fatalf("events: %v, until now %q", err, got)
		}
		for _, e := range read {
			if slices.Contains([]journal.Kind{journal.KindAdd, journal.KindDel, journal.KindReplace}, e.Kind) {
				got = append(got, e.Kind.String()+" "+e.Eroute.Dst.String())
			}
		}
	}
	if got := strings.Join(got, ", "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// followXFRM makes the table follow the policies of XFRM, as an attachment of ipsec0 with --follow does.
func followXFRM(t *testing.T, table *Table) {
	t.Helper()
	if _, err := table.Dir().NewLinks("ipsec0"); err != nil {
		t.Fatal(err)
	}
	if err := table.Dir().SetBinding("ipsec0", loader.Binding{Physical: "wan", Follow: true}); err != nil {
		t.Fatal(err)
	}
}

func openEvents(t *testing.T) *journal.Reader {
	t.Helper()
	events, err := journal.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := events.Close(); err != nil {
			t.Error(err)
		}
	})
	return events
}
