// SPDX-License-Identifier: Apache-2.0

package diff_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/diff"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// TestAssertExact compares assertions with the reference: one that holds, holds for all packets tried; one that
// does not has a witness.
func TestAssertExact(t *testing.T) {
	r := newRandom(t)
	held, failed := 0, 0
	for range 400 {
		table, other := r.tables()
		known := selectorsOf(table, other)
		var all []diff.Assertion
		for range 20 {
			s := known[r.IntN(len(known))]
			if r.IntN(3) == 0 {
				s = r.selector(r.IntN(2) == 0)
			}
			all = append(all, diff.Assertion{Selector: s, Want: diff.Kind(1 + r.IntN(5))})
		}
		failures, err := tableOf(table).Assert(t.Context(), all, diff.Options{})
		if err != nil {
			t.Fatal(err)
		}
		fails := map[int]bool{}
		for _, f := range failures {
			fails[f.Index] = true
			got, a := verdict(table, f.Witness, diff.Dropped), all[f.Index]
			if got != f.Got || !a.Selector.Matches(f.Witness) || satisfies(got.Kind, a.Want) {
				t.Fatalf("%+v fails by %v, which gets %v, not %v", a, f.Witness, got, f.Got)
			}
		}
		for i, a := range all {
			if fails[i] {
				failed++
				continue
			}
			held++
			for range 200 {
				p := r.packet(known)
				if p.Src.Is4() != a.Selector.Src.Addr().Is4() {
					continue
				}
				p.Src, p.Dst = fill(a.Selector.Src, p.Src), fill(a.Selector.Dst, p.Dst)
				if a.Selector.Matches(p) {
					if got := verdict(table, p, diff.Dropped); !satisfies(got.Kind, a.Want) {
						t.Fatalf("%+v holds, but %v gets %v", a, p, got)
					}
				}
			}
		}
	}
	t.Logf("%d assertions held, %d failed", held, failed)
	if held < 200 || failed < 200 {
		t.Error("that tests little")
	}
}

func satisfies(got, want diff.Kind) bool {
	return got == want || want == diff.Dropped && got == diff.Rejected
}

// TestAssertTooLarge checks that an assertion is not reported as proven if the work limit is exceeded.
func TestAssertTooLarge(t *testing.T) {
	table := &diff.Table{}
	for i := range 100 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i)}), 16)
		table.Add(eroute.Selector{Src: p, Dst: p}, eroute.Drop)
	}
	all := []diff.Assertion{{Selector: sel("0.0.0.0/0", "0.0.0.0/0"), Want: diff.Dropped}}
	if failures, err := table.Assert(t.Context(), all, diff.Options{}); err != nil || len(failures) > 0 {
		t.Errorf("%v, %v", failures, err)
	}
	if _, err := table.Assert(t.Context(), all, diff.Options{Work: 10}); !errors.Is(err, diff.ErrTooLarge) {
		t.Errorf("proven with too little work: %v", err)
	}
}

func sel(src, dst string) eroute.Selector {
	return eroute.Selector{Src: netip.MustParsePrefix(src), Dst: netip.MustParsePrefix(dst)}
}
