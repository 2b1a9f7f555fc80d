// SPDX-License-Identifier: Apache-2.0

package tries

import (
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// TestEntryWriterFails checks that the error of a background write is returned by each later call, and that
// there is no further write.
func TestEntryWriterFails(t *testing.T) {
	spec, err := pinned.Specs()
	if err != nil {
		t.Fatal(err)
	}
	small := spec.Maps["eroute_entry4"].InnerMap.Copy()
	small.MaxEntries = 100
	trie, err := ebpf.NewMap(small)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = trie.Close() }()
	r := NewEntryWriter(&Generation{entry4: trie})
	put := func(s eroute.Selector) error {
		return r.Put(s, abi.NewValue(eroute.Change{Selector: s, SAID: eroute.Drop}, 0, 0))
	}
	for n := range pinned.BatchSize {
		if err := put(to192(byte(n/256), byte(n%256))); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.v4.wait(); err == nil {
		t.Error("100 entries took more")
	}
	late := to192(0, 0) // fits into the trie
	if err := put(late); err != nil {
		t.Fatal(err)
	}
	if err := trie.Delete(abi.EntryKey4(late)); err != nil {
		t.Fatal(err)
	}
	if err := r.Flush(); err == nil {
		t.Error("the failure is forgotten")
	}
	var v bpf.ABIErouteValue
	if err := trie.Lookup(abi.EntryKey4(late), &v); err == nil {
		t.Error("there was a write after the one that failed")
	}
}

// to192 returns a selector of 10.b.c.0/24 to 192.0.2.0/24.
func to192(b, c byte) eroute.Selector {
	return eroute.Selector{Src: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, b, c}), 24), Dst: netip.MustParsePrefix("192.0.2.0/24")}
}
