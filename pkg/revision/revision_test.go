// SPDX-License-Identifier: Apache-2.0

package revision

import (
	"strings"
	"testing"
)

// The text of a revision is parsed to the same revision; nothing else is accepted.
func TestParse(t *testing.T) {
	long := strings.Repeat("a", 64)
	for text, want := range map[string]Revision{
		"none": {}, "3f2a9c": {ID: "3f2a9c"}, "3f2a9c,changed": {ID: "3f2a9c", Changed: true}, long: {ID: long}, "v1.2_b-3": {ID: "v1.2_b-3"},
	} {
		got, err := Parse(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", ",changed", "none,changed", "a,", "a,chang", "a,changed,changed", "a b", "a\n", "-a", long + "a", "a\x00"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}
