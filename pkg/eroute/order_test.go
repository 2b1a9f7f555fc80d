// SPDX-License-Identifier: Apache-2.0

package eroute_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// texts returns listing lines, for readable diffs.
func texts(selectors []eroute.Selector) []string {
	var list []string
	for _, s := range selectors {
		list = append(list, eroute.Eroute{Selector: s, SAID: eroute.Pass}.String())
	}
	return list
}

func TestCompare(t *testing.T) {
	want := []eroute.Selector{
		sel("0.0.0.0/0", "0.0.0.0/0", 0),
		sel("9.0.0.0/8", "255.0.0.0/8", 0),
		sel("10.0.0.0/24", "0.0.0.0/0", 0),
		sel("10.0.0.0/8", "0.0.0.0/8", 0), // longer first: the /24 before the /8
		sel("10.0.0.0/8", "0.0.0.0/0", 0),
		sel("10.0.0.0/8", "0.0.0.0/0", 6),
		sel("10.0.0.0/8", "0.0.0.0/0", 6, 0, 80),
		sel("10.0.0.0/8", "0.0.0.0/0", 6, 0, 1024),
		sel("10.0.0.0/8", "0.0.0.0/0", 6, 79, 1),
		sel("10.0.0.0/8", "0.0.0.0/0", 17),
		sel("10.0.0.0/8", "10.0.0.0/8", 0),
		sel("100.0.0.0/8", "0.0.0.0/0", 0),
		sel("255.255.255.255/32", "0.0.0.0/0", 0),
		sel("::/128", "::/0", 0),
		sel("::/0", "::/0", 0),
		sel("::ffff:10.0.0.0/104", "::/0", 0),
		sel("2001:db8::/64", "::/0", 0),
		sel("2001:db8::/32", "::/0", 0),
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		got := slices.Clone(want)
		rng.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
		slices.SortFunc(got, eroute.Compare)
		if diff := cmp.Diff(texts(want), texts(got)); diff != "" {
			t.Fatalf("order (-want +got):\n%s", diff)
		}
	}
	for i, a := range want {
		for j, b := range want {
			if got := eroute.Compare(a, b); (got == 0) != (i == j) {
				t.Errorf("Compare(%v, %v) = %d", a, b, got)
			}
		}
	}
}

// TestMoreSpecific checks selectors that all match one packet, in order of precedence.
func TestMoreSpecific(t *testing.T) {
	order := []eroute.Selector{
		sel("10.1.0.0/16", "0.0.0.0/0", 0),
		sel("10.0.0.0/8", "10.2.0.0/16", 0), // the source counts first
		sel("10.0.0.0/8", "10.0.0.0/8", 6, 5, 80),
		sel("10.0.0.0/8", "10.0.0.0/8", 6, 5, 0), // source port over destination port
		sel("10.0.0.0/8", "10.0.0.0/8", 6, 0, 80),
		sel("10.0.0.0/8", "10.0.0.0/8", 6),
		sel("10.0.0.0/8", "10.0.0.0/8", 0),
		sel("10.0.0.0/8", "0.0.0.0/0", 6, 5, 80),
		sel("0.0.0.0/0", "10.2.3.4/32", 6, 5, 80),
		sel("0.0.0.0/0", "0.0.0.0/0", 0),
	}
	packet := pkt("10.1.2.3", "10.2.3.4", 6, 5, 80)
	for i, a := range order {
		if !a.Matches(packet) {
			t.Errorf("%v does not match the packet", a)
		}
		for j, b := range order {
			got := eroute.MoreSpecific(a, b)
			if (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("MoreSpecific(%v, %v) = %d", a, b, got)
			}
		}
	}
}
