// SPDX-License-Identifier: Apache-2.0

package session

import (
	"errors"
	"iter"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// reference is a table in memory that counts how often it is read.
type reference struct {
	eroute.Linear
	lookups, reads int
}

func (r *reference) Lookup(p eroute.Packet) (eroute.Eroute, bool, error) {
	r.lookups++
	e, found := r.Linear.Lookup(p)
	return e, found, nil
}

func (r *reference) Matching(match func(eroute.Selector) bool) iter.Seq2[eroute.Eroute, error] {
	r.reads++
	return func(yield func(eroute.Eroute, error) bool) {
		for _, e := range r.List() {
			if match(e.Selector) && !yield(e, nil) {
				return
			}
		}
	}
}

func (r *reference) IsOwnKeyExchange(eroute.Packet, uint32) (bool, error) { return false, nil }
func (r *reference) Member(_ eroute.Packet, group eroute.SAID, _ uint32) (eroute.SAID, error) {
	return group.SAs()[0], nil
}
func (r *reference) SAReady(eroute.SAID) (bool, error) { return false, nil }
func (r *reference) SAUses() ([]maps.SAUse, error)     { return nil, nil }
func (r *reference) IsAside(eroute.SAID) (bool, error) { return false, nil }
func (r *reference) RelayRuns() (bool, error)          { return false, nil }

// selector returns one of a few selectors, most of which match the packet of TestForecast.
func selector(random *rand.Rand) eroute.Selector {
	prefix := func(s string) netip.Prefix {
		return netip.PrefixFrom(netip.MustParseAddr(s), []int{0, 8, 16, 32}[random.IntN(4)]).Masked()
	}
	s := eroute.Selector{Src: prefix("10.1.0.1"), Dst: prefix("10.2.0.1")}
	if random.IntN(4) == 0 {
		s.Src = prefix("10.9.0.1")
	}
	if random.IntN(3) == 0 {
		s.Proto, s.SrcPort = 6, 22
	}
	return s
}

// The forecast is what the reference finds after the changes. It reads the table only if the eroute that the packet
// matches is deleted.
func TestForecast(t *testing.T) {
	p := eroute.Packet{Src: netip.MustParseAddr("10.1.0.1"), Dst: netip.MustParseAddr("10.2.0.1"), Proto: 6, SrcPort: 22, DstPort: 50022}
	random := rand.New(rand.NewPCG(1, 2))
	saids := []eroute.SAID{eroute.Pass, eroute.Drop, eroute.Reject, eroute.Hold}
	reads, changed := 0, 0
	for range 5000 {
		table := &reference{}
		for range random.IntN(6) {
			_ = table.Add(selector(random), saids[random.IntN(4)])
		}
		f, err := NewForecast(table, p)
		if err != nil {
			t.Fatal(err)
		}
		next := &eroute.Linear{}
		for _, e := range table.List() {
			if err := next.Add(e.Selector, e.SAID); err != nil {
				t.Fatal(err)
			}
		}
		deleted := false
		for range random.IntN(5) {
			c := eroute.Change{Op: eroute.OpReplace, Selector: selector(random), SAID: saids[random.IntN(4)]}
			switch random.IntN(8) {
			case 0:
				c = eroute.Change{Op: eroute.OpClear}
				next = &eroute.Linear{}
			case 1, 2, 3:
				c.Op = eroute.OpDel
				if err := next.Del(c.Selector); errors.Is(err, eroute.ErrNotFound) {
					continue // refused
				}
				deleted = deleted || f.Before() != nil && c.Selector == f.Before().Selector
			default:
				next.Replace(c.Selector, c.SAID)
			}
			f.Add(c)
		}
		got, err := f.After()
		want, found := next.Lookup(p)
		if err != nil || (got != nil) != found || found && (got.Selector != want.Selector || got.SAID != want.SAID) {
			t.Fatalf("got %v, %v, want %v", got, err, want)
		}
		if table.lookups != 1 || table.reads > 0 && !deleted {
			t.Fatalf("%d lookups, %d reads, deleted: %v", table.lookups, table.reads, deleted)
		}
		reads += table.reads
		if !Same(f.Before(), got) {
			changed++
		}
	}
	if reads == 0 || changed == 0 {
		t.Errorf("%d reads, %d changed matches", reads, changed)
	}
}
