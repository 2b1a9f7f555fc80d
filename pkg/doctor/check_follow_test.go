// SPDX-License-Identifier: Apache-2.0

package doctor

import "testing"

func TestFollow(t *testing.T) {
	f := watching()
	f.Table = &Table{}
	if followCheck.of(f) {
		t.Error("a table that follows no policies is checked")
	}
	f.Following = &Following{}
	checkFindings(t, followCheck, f)
	f.Listeners = 1
	checkFindings(t, followCheck, f, want{Note, "", "ipsec acquire is not running"})
	f.Table.Relay = true
	checkFindings(t, followCheck, f)
	f.Following = &Following{Behind: 2, Left: []string{"policy a: why", "policy b: why", "policy c: why", "policy d: why", "policy e: why"}}
	checkFindings(t, followCheck, f, want{Problem, "", "2 eroutes differ"}, want{Problem, "", "not all packets have an eroute: policy a: why"},
		want{Problem, "", "policy b"}, want{Problem, "", "policy c"}, want{Problem, "", "2 more policies have packets without an eroute"})
}
