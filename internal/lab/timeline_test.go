// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// Something is permitted between the turns that permit and forbid it, both times included.
func TestTimeline(t *testing.T) {
	at := func(seconds int64) time.Time { return time.Unix(seconds, 0) }
	var l lab.Timeline
	for _, turn := range []struct {
		at  int64
		may bool
	}{{5, false}, {10, true}, {12, true}, {20, false}, {21, false}, {30, true}} {
		l.From(at(turn.at), turn.may)
	}
	for _, c := range []struct {
		at   int64
		want bool
	}{{0, false}, {5, false}, {9, false}, {10, true}, {19, true}, {20, true}, {21, false}, {29, false}, {30, true}, {99, true}} {
		if got := l.May(at(c.at)); got != c.want {
			t.Errorf("at %d: %v, want %v", c.at, got, c.want)
		}
	}
	var none lab.Timeline
	if none.May(at(1)) {
		t.Error("an empty timeline permits something")
	}
}
