// SPDX-License-Identifier: Apache-2.0

package diff_test

import (
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/diff"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// verdict returns the verdict of the reference for a packet.
func verdict(l *eroute.Linear, p eroute.Packet, unmatched diff.Kind) diff.Verdict {
	e, found := l.Lookup(p)
	if !found {
		return diff.Verdict{Kind: unmatched}
	}
	return diff.Verdict{Kind: diff.KindOf(e.SAID), SAID: e.SAID, Matched: true}
}

// class returns the class of a change according to the reference.
func class(from, to diff.Verdict) diff.Class {
	switch {
	case from.Kind == diff.Protected && to.Kind == diff.Protected && from.SAID == to.SAID:
		return diff.Class{}
	case from.Kind == diff.Protected && to.Kind == diff.Protected && from.SAID.Dst == to.SAID.Dst:
		return diff.Class{From: diff.Protected, To: diff.Protected, Peer: diff.SamePeer}
	case from.Kind == diff.Protected && to.Kind == diff.Protected:
		return diff.Class{From: diff.Protected, To: diff.Protected, Peer: diff.OtherPeer}
	case from.Kind == to.Kind:
		return diff.Class{}
	}
	return diff.Class{From: from.Kind, To: to.Kind}
}

func tableOf(l *eroute.Linear) *diff.Table {
	t := &diff.Table{}
	for _, e := range l.List() {
		t.Add(e.Selector, e.SAID)
	}
	return t
}

func selectorsOf(tables ...*eroute.Linear) (all []eroute.Selector) {
	for _, l := range tables {
		for _, e := range l.List() {
			all = append(all, e.Selector)
		}
	}
	return all
}

// check compares a difference with the reference.
type check struct {
	t         *testing.T
	a, b      *eroute.Linear
	unmatched diff.Kind
	after     diff.Kind // the same, in the second table
	result    *diff.Result
	packets   int
}

func newCheck(t *testing.T, a, b *eroute.Linear, unmatched diff.Kind) *check {
	t.Helper()
	after := unmatched
	if len(a.List())%2 == 0 {
		after = diff.Clear
	}
	result, err := diff.Compare(t.Context(), tableOf(a), tableOf(b), diff.Options{Unmatched: unmatched, UnmatchedAfter: after})
	if err != nil {
		t.Fatal(err)
	}
	if result.Incomplete {
		t.Fatal("the difference of two small tables is incomplete")
	}
	return &check{t, a, b, unmatched, after, result, 0}
}

// verdicts returns those of both tables. Packets without an eroute in both do not change.
func (c *check) verdicts(p eroute.Packet) (from, to diff.Verdict) {
	from, to = verdict(c.a, p, c.unmatched), verdict(c.b, p, c.after)
	if !from.Matched && !to.Matched {
		to = from
	}
	return from, to
}

// packet checks that a packet is in the regions of the class that the reference returns, and in no others.
func (c *check) packet(p eroute.Packet) {
	c.packets++
	want := class(c.verdicts(p))
	for i := range c.result.Classes {
		of := &c.result.Classes[i]
		in := false
		for j := range of.Regions {
			in = in || of.Regions[j].Contains(p)
		}
		if in != (of.Class == want) {
			c.fail(p, want, of.Class, in)
		}
		if of.Class == want {
			want = diff.Class{}
		}
	}
	if want != (diff.Class{}) {
		c.fail(p, want, diff.Class{}, false)
	}
}

func (c *check) fail(p eroute.Packet, want, class diff.Class, in bool) {
	c.t.Helper()
	c.t.Errorf("packet %v changes %v, but is listed under %v: %v", p, want, class, in)
	for _, e := range c.a.List() {
		c.t.Logf("- %v", e)
	}
	for _, e := range c.b.List() {
		c.t.Logf("+ %v", e)
	}
	c.t.Fatalf("%+v", c.result.Classes)
}

// witnesses checks that each region has a witness whose verdict changes as reported, and that no region has
// exceptions outside of it.
func (c *check) witnesses() {
	for _, of := range c.result.Classes {
		if len(of.Regions) == 0 {
			c.t.Errorf("no regions of %v", of.Class)
		}
		for _, r := range of.Regions {
			from, to := c.verdicts(r.Witness)
			if from != r.From || to != r.To || class(from, to) != of.Class || !r.Contains(r.Witness) || r.Omitted > 0 {
				c.t.Fatalf("%v: witness %v changes from %v to %v, not as in %+v", of.Class, r.Witness, from, to, r)
			}
		}
	}
}

// boundaries checks packets on both sides of every boundary of every selector, in all combinations of two
// selectors.
func (c *check) boundaries() {
	all := selectorsOf(c.a, c.b)
	for _, s := range all {
		for _, o := range all {
			for _, src := range boundary(s.Src) {
				for _, dst := range boundary(o.Dst) {
					if src.Is4() != dst.Is4() {
						continue
					}
					c.tuples(src, dst, s, o)
				}
			}
		}
	}
}

func (c *check) tuples(src, dst netip.Addr, s, o eroute.Selector) {
	for _, proto := range []uint8{0, s.Proto, o.Proto} {
		p := eroute.Packet{Src: src, Dst: dst, Proto: proto}
		c.packet(p)
		if proto != eroute.ProtoTCP && proto != eroute.ProtoUDP {
			continue
		}
		p.SrcPort, p.DstPort = s.SrcPort, o.DstPort
		c.packet(p)
		p.SrcPort, p.DstPort = s.SrcPort+1, s.DstPort+1
		c.packet(p)
	}
}

// TestExact checks that the difference contains each packet with the change that the reference returns, and no
// others: packets on all boundaries, and random ones.
func TestExact(t *testing.T) {
	const perTable = 1000
	r := newRandom(t)
	tables, randoms, borders, differ := 0, 0, 0, 0
	for want := testenv.Count(t, testenv.Packets, 100_000); randoms < want; tables++ {
		a, b := r.tables()
		unmatched := []diff.Kind{diff.Dropped, diff.Clear}[r.IntN(2)]
		c := newCheck(t, a, b, unmatched)
		c.witnesses()
		if tables%8 == 0 {
			c.boundaries()
		}
		borders += c.packets
		all := selectorsOf(a, b)
		for range perTable {
			p := r.packet(all)
			c.packet(p)
			if class(verdict(a, p, unmatched), verdict(b, p, unmatched)) != (diff.Class{}) {
				differ++
			}
		}
		randoms += perTable
	}
	t.Logf("%d pairs of tables, %d random packets, %d on borders, %d of the random ones change: no disagreement", tables, randoms, borders, differ)
	if differ < randoms/20 {
		t.Errorf("only %d of %d packets change: that tests little", differ, randoms)
	}
}
