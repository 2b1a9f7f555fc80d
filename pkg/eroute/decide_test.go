// SPDX-License-Identifier: Apache-2.0

package eroute_test

import (
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// TestDecidedBy checks that the first field in which two selectors of one packet differ decides.
func TestDecidedBy(t *testing.T) {
	for _, test := range []struct {
		a, b eroute.Selector
		want eroute.Field
	}{
		{sel("10.1.0.0/16", "0.0.0.0/0", 0), sel("10.0.0.0/8", "10.2.0.0/16", 6), eroute.FieldSrc},
		{sel("10.0.0.0/8", "10.2.0.0/16", 0), sel("10.0.0.0/8", "10.0.0.0/8", 6, 5, 80), eroute.FieldDst},
		{sel("10.0.0.0/8", "10.0.0.0/8", 6), sel("10.0.0.0/8", "10.0.0.0/8", 0), eroute.FieldProto},
		{sel("10.0.0.0/8", "10.0.0.0/8", 6, 5, 0), sel("10.0.0.0/8", "10.0.0.0/8", 6, 0, 80), eroute.FieldSrcPort},
		{sel("10.0.0.0/8", "10.0.0.0/8", 6, 5, 80), sel("10.0.0.0/8", "10.0.0.0/8", 6, 5, 0), eroute.FieldDstPort},
		{sel("10.0.0.0/8", "10.0.0.0/8", 6), sel("10.0.0.0/8", "10.0.0.0/8", 6), 0},
	} {
		got, back := eroute.DecidedBy(test.a, test.b), eroute.DecidedBy(test.b, test.a)
		if got != test.want || back != test.want {
			t.Errorf("%v and %v: decided by %v and %v, want %v", test.a, test.b, got, back, test.want)
		}
		if wins := eroute.MoreSpecific(test.a, test.b); wins > 0 || (wins == 0) != (got == 0) {
			t.Errorf("%v and %v: MoreSpecific says %d", test.a, test.b, wins)
		}
	}
}
