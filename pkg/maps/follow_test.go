// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"net/netip"
	"slices"
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
	if _, err := table.Dir().NewLinks("ipsec0"); err != nil {
		t.Fatal(err)
	}
	if err := table.Dir().SetBinding("ipsec0", loader.Binding{Physical: "wan", Follow: true}); err != nil {
		t.Fatal(err)
	}
	if err := table.SetLimit(1); err != nil {
		t.Fatal(err)
	}
	events, err := journal.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := events.Close(); err != nil {
			t.Error(err)
		}
	}()
	written := eroute.Change{Op: eroute.OpAdd, Selector: nth(1), SAID: eroute.Drop}
	_, err = table.Restore(t.Context(), func(yield func(eroute.Change, error) bool) { yield(written, nil) }, true)
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
