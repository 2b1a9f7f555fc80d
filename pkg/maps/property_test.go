// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// random makes selectors and packets that nest and nearly match: few addresses, every
// prefix length, few protocols and ports.
type random struct {
	*rand.Rand
	v6 bool
}

func newRandom(t *testing.T, v6 bool) *random {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("EROUTE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("EROUTE_SEED=%d", seed)
	return &random{rand.New(rand.NewPCG(seed, 0)), v6}
}

func (r *random) addr() netip.Addr {
	var b [16]byte
	// One of two values a byte, so that prefixes of any length cover several addresses.
	for i := range b {
		b[i] = []byte{0x0a, 0x8a}[r.IntN(2)]
		if r.IntN(4) > 0 {
			b[i] = 0x0a
		}
	}
	if r.v6 {
		return netip.AddrFrom16(b)
	}
	return netip.AddrFrom4([4]byte(b[:4]))
}

func (r *random) prefix() netip.Prefix {
	a := r.addr()
	p, err := a.Prefix(r.IntN(a.BitLen() + 1))
	if err != nil {
		panic(err)
	}
	return p
}

func (r *random) proto() uint8 { return []uint8{6, 17, 1, 50}[r.IntN(4)] }

func (r *random) port() uint16 { return uint16(r.IntN(3)) }

func (r *random) selector() eroute.Selector {
	s := eroute.Selector{Src: r.prefix(), Dst: r.prefix()}
	if r.IntN(2) == 0 {
		s.Proto = r.proto()
	}
	if s.Proto == 6 || s.Proto == 17 {
		s.SrcPort, s.DstPort = r.port(), r.port()
	}
	return s
}

func (r *random) packet() eroute.Packet {
	p := eroute.Packet{Src: r.addr(), Dst: r.addr(), Proto: r.proto()}
	if p.Proto == 6 || p.Proto == 17 {
		p.SrcPort, p.DstPort = 1+r.port(), 1+r.port()
	}
	return p
}

func (r *random) change(known []eroute.Selector) eroute.Change {
	saids := []eroute.SAID{eroute.Pass, eroute.Drop, eroute.Reject, eroute.Hold, eroute.Trap,
		{Proto: eroute.ProtoTun, SPI: 0x1000 + uint32(r.IntN(4)), Dst: netip.MustParseAddr("192.0.2.1")}}
	c := eroute.Change{
		Op:       []eroute.Op{eroute.OpAdd, eroute.OpAdd, eroute.OpReplace, eroute.OpDel}[r.IntN(4)],
		Selector: r.selector(),
		SAID:     saids[r.IntN(len(saids))],
	}
	if len(known) > 0 && r.IntN(2) == 0 {
		c.Selector = known[r.IntN(len(known))]
	}
	if r.IntN(300) == 0 {
		c = eroute.Change{Op: eroute.OpClear}
	}
	return c
}

// The kernel's table and a linear scan agree on every packet, whatever changes.
func TestAgainstReference(t *testing.T) {
	for _, family := range []struct {
		name string
		v6   bool
	}{{"inet", false}, {"inet6", true}} {
		t.Run(family.name, func(t *testing.T) {
			r := newRandom(t, family.v6)
			table := newTable(t)
			var reference eroute.Linear
			for round := range 60 {
				known := selectors(&reference)
				for range 1 + r.IntN(40) {
					c := r.change(known)
					want := applyTo(&reference, c)
					got := table.Apply(t.Context(), []eroute.Change{c})
					if !errors.Is(got, want) {
						t.Fatalf("round %d: %+v: kernel %v, reference %v", round, c, got, want)
					}
				}
				for range 500 {
					p := r.packet()
					want, wantFound := reference.Lookup(p)
					got, found, err := table.Lookup(p)
					if err != nil {
						t.Fatalf("round %d: look %+v up: %v", round, p, err)
					}
					if found != wantFound || got.Selector != want.Selector || got.SAID != want.SAID {
						t.Fatalf("round %d: %+v: kernel %v, reference %v", round, p, got, want)
					}
				}
				compareListings(t, table, &reference)
			}
		})
	}
}

func selectors(l *eroute.Linear) (all []eroute.Selector) {
	for _, e := range l.List() {
		all = append(all, e.Selector)
	}
	return all
}

func compareListings(t *testing.T, table *Table, reference *eroute.Linear) {
	t.Helper()
	want := reference.List()
	i := 0
	for got, err := range table.All() {
		if err != nil {
			t.Fatal(err)
		}
		if i >= len(want) || got.Selector != want[i].Selector || got.SAID != want[i].SAID {
			t.Fatalf("line %d: kernel lists %v, reference %v", i, got, want)
		}
		i++
	}
	if i != len(want) {
		t.Fatalf("kernel lists %d eroutes, reference %d", i, len(want))
	}
}

func applyTo(l *eroute.Linear, c eroute.Change) error {
	switch c.Op {
	case eroute.OpAdd:
		return l.Add(c.Selector, c.SAID)
	case eroute.OpDel:
		return l.Del(c.Selector)
	case eroute.OpReplace:
		l.Replace(c.Selector, c.SAID)
	case eroute.OpClear:
		l.Clear()
	}
	return nil
}
