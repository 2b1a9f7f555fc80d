// SPDX-License-Identifier: Apache-2.0

package diff_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ipsec-eroute/eroute/pkg/diff"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

var protected = eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x1000, Dst: netip.MustParseAddr("192.0.2.1")}

// TestRegionsCannotBeMerged checks that no two regions of a class are halves of a box, and none is in another.
func TestRegionsCannotBeMerged(t *testing.T) {
	r := newRandom(t)
	regions := 0
	for range 500 {
		a, b := r.tables()
		result, err := diff.Compare(t.Context(), tableOf(a), tableOf(b), diff.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range result.Classes {
			at := map[eroute.Selector]int{}
			for _, region := range c.Regions {
				at[region.Selector]++
				regions++
			}
			for _, region := range c.Regions {
				for _, p := range []func(*eroute.Selector) *netip.Prefix{
					func(s *eroute.Selector) *netip.Prefix { return &s.Src },
					func(s *eroute.Selector) *netip.Prefix { return &s.Dst },
				} {
					half := region.Selector
					at1 := p(&half)
					if at1.Bits() == 0 {
						continue
					}
					*at1 = netip.PrefixFrom(flip(at1.Addr(), at1.Bits()-1), at1.Bits())
					whole := half
					*p(&whole) = netip.PrefixFrom(at1.Addr(), at1.Bits()-1).Masked()
					if at[half] > 0 && at[whole] == 0 {
						t.Errorf("%v and %v are halves", region.Selector, half)
					}
				}
			}
		}
	}
	t.Logf("%d regions", regions)
}

// TestMergedRegions checks that regions that form one box are merged.
func TestMergedRegions(t *testing.T) {
	block := func(said eroute.SAID, except ...int) *diff.Table {
		table := &diff.Table{}
		for i := range 256 {
			s := said
			for _, e := range except {
				if e == i {
					s = eroute.Drop
				}
			}
			table.Add(eroute.Selector{Src: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, byte(i)}), 24), Dst: netip.MustParsePrefix("10.2.0.0/16")}, s)
		}
		return table
	}
	of := func(entries ...any) *diff.Table {
		table := &diff.Table{}
		for i := 0; i < len(entries); i += 2 {
			table.Add(entries[i].(eroute.Selector), entries[i+1].(eroute.SAID))
		}
		return table
	}
	mail := sel("10.1.0.0/16", "10.2.0.0/16")
	mail.Proto, mail.DstPort = eroute.ProtoTCP, 25
	for name, test := range map[string]struct {
		a, b *diff.Table
		want []string
	}{
		"a whole block":          {block(protected), block(eroute.Pass), []string{"10.1.0.0/16 -> 10.2.0.0/16"}},
		"all of it comes":        {of(), block(eroute.Pass), []string{"10.1.0.0/16 -> 10.2.0.0/16"}},
		"one is left out":        {block(protected), block(eroute.Pass, 0), []string{"10.1.1.0/24 -> 10.2.0.0/16", "10.1.2.0/23 -> 10.2.0.0/16", "10.1.4.0/22 -> 10.2.0.0/16", "10.1.8.0/21 -> 10.2.0.0/16", "10.1.16.0/20 -> 10.2.0.0/16", "10.1.32.0/19 -> 10.2.0.0/16", "10.1.64.0/18 -> 10.2.0.0/16", "10.1.128.0/17 -> 10.2.0.0/16"}},
		"a port in it too":       {of(sel("10.1.0.0/16", "10.2.0.0/16"), protected, mail, protected), of(sel("10.1.0.0/16", "10.2.0.0/16"), eroute.Pass, mail, eroute.Pass), []string{"10.1.0.0/16 -> 10.2.0.0/16"}},
		"crossing":               {of(), of(sel("10.0.0.0/8", "0.0.0.0/0"), eroute.Pass, sel("0.0.0.0/0", "10.0.0.0/8"), eroute.Pass), []string{"0.0.0.0/0 -> 10.0.0.0/8", "10.0.0.0/8 -> 0.0.0.0/0"}},
		"halves of a shadow":     {of(sel("10.0.0.0/8", "0.0.0.0/0"), protected, sel("10.0.0.0/9", "0.0.0.0/0"), eroute.Pass, sel("10.128.0.0/9", "0.0.0.0/0"), eroute.Pass), of(sel("10.0.0.0/8", "0.0.0.0/0"), eroute.Pass), nil},
		"what was never reached": {of(sel("10.0.0.0/8", "0.0.0.0/0"), protected, sel("10.0.0.0/9", "0.0.0.0/0"), eroute.Pass, sel("10.128.0.0/9", "0.0.0.0/0"), eroute.Pass), of(sel("10.0.0.0/9", "0.0.0.0/0"), eroute.Pass, sel("10.128.0.0/9", "0.0.0.0/0"), eroute.Pass), nil},
	} {
		result, err := diff.Compare(t.Context(), test.a, test.b, diff.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range result.Classes {
			for _, r := range c.Regions {
				if c.Class.OpensClear() && len(r.Except) == 0 {
					got = append(got, r.Selector.Src.String()+" -> "+r.Selector.Dst.String())
				} else if len(r.Except) > 0 {
					got = append(got, "exceptions")
				}
			}
		}
		if d := cmp.Diff(test.want, got, cmpopts.SortSlices(func(a, b string) bool { return a < b })); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// TestIncomplete checks that a comparison that exceeds the work limit stops, is marked incomplete, and that its
// partial result is correct.
func TestIncomplete(t *testing.T) {
	var a, b eroute.Linear
	for i := range 200 {
		n := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i)}), 16)
		a.Replace(eroute.Selector{Src: n, Dst: netip.MustParsePrefix("0.0.0.0/0")}, protected)
		b.Replace(eroute.Selector{Src: netip.MustParsePrefix("0.0.0.0/0"), Dst: n}, eroute.Pass)
	}
	found := 0
	for _, work := range []int{1, 1000, 10_000, 100_000} {
		result, err := diff.Compare(t.Context(), tableOf(&a), tableOf(&b), diff.Options{Work: work})
		if err != nil || !result.Incomplete {
			t.Fatalf("work %d: %v, incomplete: %v", work, err, result.Incomplete)
		}
		for _, c := range result.Classes {
			for _, r := range c.Regions {
				found++
				if from, to := verdict(&a, r.Witness, diff.Dropped), verdict(&b, r.Witness, diff.Dropped); class(from, to) != c.Class {
					t.Errorf("work %d: %v gets %v, then %v, and is listed under %v", work, r.Witness, from, to, c.Class)
				}
			}
		}
	}
	if result, err := diff.Compare(t.Context(), tableOf(&a), tableOf(&b), diff.Options{}); err != nil || result.Incomplete || found == 0 {
		t.Errorf("%v, incomplete: %v, found %d", err, result.Incomplete, found)
	}
}

// TestRefusals checks that invalid tables and a cancelled context are errors.
func TestRefusals(t *testing.T) {
	twice := &diff.Table{}
	twice.Add(sel("10.0.0.0/8", "0.0.0.0/0"), eroute.Pass)
	twice.Add(sel("10.0.0.0/9", "0.0.0.0/0"), eroute.Pass)
	twice.Add(sel("10.0.0.0/8", "0.0.0.0/0"), eroute.Drop)
	_, err := diff.Compare(t.Context(), &diff.Table{}, twice, diff.Options{})
	if d, ok := errors.AsType[*diff.DuplicateError](err); !ok || d.Index != 2 || !errors.Is(err, eroute.ErrExist) {
		t.Errorf("twice the same: %v", err)
	}
	one := &diff.Table{}
	one.Add(sel("10.0.0.0/8", "0.0.0.0/0"), eroute.Pass)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := diff.Compare(ctx, &diff.Table{}, one, diff.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestApply checks that With returns the table after the changes.
func TestApply(t *testing.T) {
	r := newRandom(t)
	for range 200 {
		a, _ := r.tables()
		want := &eroute.Linear{}
		for _, e := range a.List() {
			want.Replace(e.Selector, e.SAID)
		}
		known := selectorsOf(a)
		changes := &eroute.Changes{}
		for range r.IntN(20) {
			c := eroute.Change{Op: eroute.OpReplace, Selector: r.selector(r.IntN(2) == 0), SAID: r.said()}
			if len(known) > 0 && r.IntN(2) == 0 {
				c.Selector = known[r.IntN(len(known))]
			}
			switch r.IntN(12) {
			case 0:
				c = eroute.Change{Op: eroute.OpClear}
				want.Clear()
			case 1, 2, 3, 4:
				c = eroute.Change{Op: eroute.OpDel, Selector: c.Selector}
				_ = want.Del(c.Selector)
			default:
				want.Replace(c.Selector, c.SAID)
			}
			changes.Append(c)
		}
		got, err := tableOf(a).With(changes)
		if err != nil {
			t.Fatal(err)
		}
		result, err := diff.Compare(t.Context(), tableOf(want), got, diff.Options{})
		if err != nil || result.Kept != len(want.List()) || got.Len() != result.Kept {
			t.Fatalf("%v: %+v, %d eroutes", err, result, got.Len())
		}
	}
}
