// SPDX-License-Identifier: Apache-2.0

package interfaces_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/internal/testtable"
	"github.com/ipsec-eroute/eroute/pkg/interfaces"
)

// Devices whose ifindexes share an element of the array are both watched, and deleted one by one.
func TestWatched(t *testing.T) {
	table := testtable.New(t)
	const a, b = 7, 7 + uint32(bpf.ABILimitsWATCHED_NEAR)
	check := func(want map[uint32]interfaces.Watched, last uint64) {
		t.Helper()
		got, err := table.Watched()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		var word uint64
		if err := table.Map("eroute_watched_near").Lookup(uint32(a), &word); err != nil || word>>32 != last {
			t.Errorf("the element has ifindex %d (%v), want %d", word>>32, err, last)
		}
	}
	if err := table.PutWatched(a, interfaces.Watched{}); err != nil {
		t.Fatal(err)
	}
	if err := table.PutWatched(b, interfaces.Watched{DropUnmatched: true}); err != nil {
		t.Fatal(err)
	}
	check(map[uint32]interfaces.Watched{a: {}, b: {DropUnmatched: true}}, uint64(b))
	if err := table.DeleteWatched(a); err != nil {
		t.Fatal(err)
	}
	check(map[uint32]interfaces.Watched{b: {DropUnmatched: true}}, uint64(b))
	for range 2 {
		if err := table.DeleteWatched(b); err != nil {
			t.Fatal(err)
		}
	}
	check(map[uint32]interfaces.Watched{}, 0)
}
