// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/cost"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// flipped returns an address with one bit changed.
func flipped(a netip.Addr, bit int) netip.Addr {
	b := a.AsSlice()
	b[bit/8] ^= 0x80 >> (bit % 8)
	other, _ := netip.AddrFromSlice(b)
	return other
}

// nestedTable has an eroute for each pair of a prefix of src and a sibling of a prefix of dst. For all but the
// shortest prefixes it has as many eroutes that match other ports. No packet from src to dst matches an eroute.
func nestedTable(t *testing.T, src, dst netip.Addr) (*Table, *eroute.Linear, *cost.Table) {
	t.Helper()
	table, reference, costs := newTable(t), &eroute.Linear{}, &cost.Table{}
	var changes []eroute.Change
	for i := range src.BitLen() + 1 {
		for j := 1; j <= dst.BitLen(); j++ {
			s := eroute.Selector{Src: netip.PrefixFrom(src, i).Masked(), Dst: netip.PrefixFrom(flipped(dst, j-1), j).Masked()}
			changes = append(changes, add(s, eroute.Drop))
			costs.Add(s)
			if j < 8 {
				s.Dst, s.Proto, s.DstPort = netip.PrefixFrom(dst, j).Masked(), eroute.ProtoTCP, 1
				changes = append(changes, add(s, eroute.Pass))
				costs.Add(s)
			}
		}
	}
	mustApply(t, table, reference, changes...)
	return table, reference, costs
}

// TestNestedToTheLimit checks that the model finds the packet with the most expensive lookup in a table of
// nested prefixes, and that the lookup takes about the estimated time. The bounds are wide, as other work on
// the machine may delay each run. It also checks verdicts.
func TestNestedToTheLimit(t *testing.T) {
	for _, addrs := range [][2]string{{"10.1.2.3", "80.1.2.3"}, {"2001:db8:1:2:3:4:5:6", "2001:db8:8:2:3:4:5:6"}} {
		src, dst := netip.MustParseAddr(addrs[0]), netip.MustParseAddr(addrs[1])
		table, reference, costs := nestedTable(t, src, dst)
		all := costs.Expensive()
		if len(all) != 1 || len(all[0].Sources) != src.BitLen()+1 || all[0].Lookups <= cost.Steps {
			t.Fatalf("%v: found %+v", src, all)
		}
		w := &all[0]
		took, err := table.LookupTime(w.Flows)
		if err != nil {
			t.Fatal(err)
		}
		table.beginWriting() // only the tries are used
		tries, err := table.LookupTime(w.Flows)
		table.endWriting()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%v: %d lookups, estimated %v; took %v, the tries alone %v", w.Packet, w.Lookups, w.Time, took, tries)
		if took > 30*w.Time || took < w.Time/10 {
			t.Errorf("%v took %v, estimated %v", w.Packet, took, w.Time)
		}
		for i := range src.BitLen() {
			for _, p := range []eroute.Packet{
				{Src: flipped(src, i), Dst: flipped(dst, i), Proto: 6, DstPort: 1, SrcPort: 7},
				{Src: flipped(src, i), Dst: dst, Proto: 17, DstPort: 1, SrcPort: 7},
				{Src: src, Dst: flipped(dst, i), Proto: 6, DstPort: 2, SrcPort: uint16(i + 1)},
			} {
				checkPacket(t, table, reference, p)
			}
		}
	}
}
