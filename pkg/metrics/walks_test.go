// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// TestWalks checks that slow walks are rare, and that scrapes wait for them only briefly, except for the first.
func TestWalks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const takes = 2500 * time.Millisecond
		made := 0
		w := walks{walk: func() (maps.Scan, error) {
			time.Sleep(takes)
			made++
			return maps.Scan{Traps: made}, nil
		}}
		want := func(traps int, after time.Duration) {
			t.Helper()
			began := time.Now()
			got, err := w.latest()
			if took := time.Since(began); err != nil || got.Traps != traps || took != after {
				t.Errorf("walk %d after %v, %v, want %d after %v", got.Traps, took, err, traps, after)
			}
		}
		want(1, takes)
		want(1, 0)
		time.Sleep(walkShare*takes - time.Second)
		want(1, 0)
		time.Sleep(time.Second)
		want(1, walkPatience)
		want(1, walkPatience)
		want(2, takes-2*walkPatience)
		want(2, 0)
	})
}

// TestWalkFails checks that a fast walk runs for every scrape, and that a failed one is retried by the next
// scrape.
func TestWalkFails(t *testing.T) {
	broken := errors.New("broken")
	made := 0
	w := walks{walk: func() (maps.Scan, error) {
		if made++; made%2 == 0 {
			return maps.Scan{}, broken
		}
		return maps.Scan{Traps: made}, nil
	}}
	synctest.Test(t, func(t *testing.T) {
		for i := 1; i <= 4; i++ {
			if got, err := w.latest(); errors.Is(err, broken) != (i%2 == 0) || (err == nil && got.Traps != i) {
				t.Errorf("walk %d: %+v, %v", i, got, err)
			}
		}
	})
}
