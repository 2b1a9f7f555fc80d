// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"net/netip"
	"testing"
)

// TestChanges checks that a list returns any changes that were added to it, across its chunks.
func TestChanges(t *testing.T) {
	four, six := netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")
	kinds := []Change{
		{Op: OpClear},
		{Op: OpAdd, Selector: Selector{Src: four, Dst: four, Proto: 6, SrcPort: 1, DstPort: 65535}, SAID: Drop},
		{Op: OpReplace, Selector: Selector{Src: six, Dst: six}, SAID: SAID{Proto: ProtoESP, SPI: 1 << 31, Dst: four.Addr()}},
		{Op: OpDel, Selector: Selector{Src: netip.MustParsePrefix("0.0.0.0/0"), Dst: netip.MustParsePrefix("10.1.2.3/32")}},
		{Op: OpAdd, Selector: Selector{Src: six, Dst: six}, SAID: Trap, Acquire: AcquireParams{Proto: ProtoAH, ReqID: 7, Peer: six.Addr()}},
		{Op: OpAdd, Selector: Selector{Src: netip.MustParsePrefix("::ffff:10.0.0.0/104"), Dst: six}, SAID: Pass},
		{Op: OpAdd, Selector: Selector{Src: four, Dst: six}, SAID: Pass},
		{Op: OpAdd, Selector: Selector{Src: netip.PrefixFrom(four.Addr(), 40)}, SAID: SAID{Dst: netip.MustParseAddr("fe80::1%lo")}},
		{Op: 99},
		{},
	}
	l, end := &Changes{}, &Changes{}
	for i := range 3*changesChunk + 1 {
		if i < 2*changesChunk {
			l.Append(kinds[i%len(kinds)])
		} else {
			end.Append(kinds[i%len(kinds)])
		}
	}
	l.Extend(end)
	if l.Len() != 3*changesChunk+1 {
		t.Fatalf("%d changes", l.Len())
	}
	if hosts := ChangesOf(Change{Op: OpAdd, Selector: Selector{Src: netip.MustParsePrefix("::1/128"), Dst: netip.MustParsePrefix("::/0")}, SAID: Drop}); hosts.odd != nil {
		t.Error("a usual change takes more room than it needs")
	}
	for i, c := range l.All() {
		if c != kinds[i%len(kinds)] {
			t.Fatalf("change %d is %+v, want %+v", i, c, kinds[i%len(kinds)])
		}
	}
}
