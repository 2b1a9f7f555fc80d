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
	} {
		m.foreign = step.policies
		if err := table.SetLimit(step.limit); err != nil {
			t.Fatal(err)
		}
		if _, err := table.FollowPolicies(t.Context()); err != nil {
			t.Error(err)
		}
		var got []string
		for len(got) < strings.Count(step.want, ",")+1 {
			read, _, err := events.Read(testlab.Within(t, 5e9))
			if err != nil {
				t.Fatalf("events: %v, until now %q", err, got)
			}
			for _, e := range read {
				if e.Kind == journal.KindAdd || e.Kind == journal.KindDel {
					got = append(got, e.Kind.String()+" "+e.Eroute.Dst.String())
				}
			}
		}
		if got := strings.Join(got, ", "); got != step.want {
			t.Errorf("%s, want %s", got, step.want)
		}
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
