// SPDX-License-Identifier: Apache-2.0

package prune

import (
	"fmt"
	"strings"
	"testing"
)

// The newest revisions and those that are named remain, and each blob that one of them has.
func TestChoose(t *testing.T) {
	for _, c := range []struct {
		all   string // ID and blob of each revision
		named string
		keep  int
		want  string // ID and blob, if it is removed
	}{
		{"", "", 0, ""},
		{"aA bB cC", "", 3, ""},
		{"aA bB cC", "", 5, ""},
		{"aA bB cC", "", 1, "aA bB"},
		{"aA bB cC dD", "b", 1, "aA cC"},
		{"aA bA cC dD", "", 1, "a bA cC"},
		{"aA bB cA dD", "c", 1, "a bB"},
		{"aA b cC d", "", 1, "aA b cC"}, // not valid
		{"aA b c d", "", 0, "aA b c d"},
		{"aA", "a", 0, ""},
	} {
		var all []revision
		for text := range strings.FieldsSeq(c.all) {
			all = append(all, revision{text[:1], text[1:]})
		}
		named := map[string]bool{"": true}
		for id := range strings.SplitSeq(c.named, "") {
			named[id] = true
		}
		remove, blobs := choose(all, named, c.keep)
		got := ""
		for i, r := range remove {
			got += fmt.Sprint(" ", r.id, blobs[i])
		}
		if strings.TrimSpace(got) != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
