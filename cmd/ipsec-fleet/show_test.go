// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/fleet"
	"github.com/ipsec-eroute/eroute/pkg/fleet/store"
)

// History shows a revision that is not valid as such, and all others.
func TestHistoryNotValid(t *testing.T) {
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	var stored []store.Stored
	for _, pieces := range []int{0, 1} {
		blob, err := fleet.Pack([]byte("--add\n"))
		if err != nil {
			t.Fatal(err)
		}
		blob.Pieces = blob.Pieces[:pieces]
		r := fleet.NewRevision(blob)
		r.Eroutes, r.Author = 7, "alice"
		id, value, err := r.Sign(key)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, store.Stored{Name: id, Value: value})
	}
	rings := []ringJSON{{Ring: "canary", Revision: stored[0].Name}, {Ring: "all", Revision: stored[1].Name}}
	all := history(stored, []ed25519.PublicKey{public}, rings)

	var out bytes.Buffer
	c := &command{out: bufio.NewWriter(&out)}
	if err := c.history(all); err != nil {
		t.Fatal(err)
	}
	_ = c.out.Flush()
	lines := strings.Split(out.String(), "\n")
	id := stored[0].Name[:12]
	if len(lines) != 4 || strings.Join(strings.Fields(lines[1]), " ") != stored[1].Name[:12]+" - 7 all -" ||
		strings.Join(strings.Fields(lines[2]), " ") != id+" - - canary not valid: revision "+id+": malformed: no blob" {
		t.Errorf("%s", out.String())
	}

	text, err := json.Marshal(all[1])
	if want := `{"revision":"` + stored[0].Name + `","rings":["canary"],"error":"revision ` + id + `: malformed: no blob"}`; err != nil || string(text) != want {
		t.Errorf("%v, %s, want %s", err, text, want)
	}
}

// On a terminal, gateways that need attention come first.
func TestUrgentFirst(t *testing.T) {
	doc := &statusJSON{Rings: []ringJSON{{Ring: "all", Revision: "new"}}}
	for _, g := range []gatewayJSON{
		{Name: "a", State: "confirmed", Confirmed: "new"}, {Name: "b", State: "applying", Confirmed: "old"}, {Name: "c", State: "confirmed", Confirmed: "old"},
		{Name: "d", State: offline}, {Name: "e", State: "confirmed", Confirmed: "new"}, {Name: "f", State: "refused", Confirmed: "new"},
	} {
		g.Ring = "all"
		doc.Gateways = append(doc.Gateways, g)
	}
	doc.urgentFirst()
	order := ""
	for _, g := range doc.Gateways {
		order += g.Name
	}
	if order != "cdfbae" {
		t.Errorf("%s", order)
	}
}
