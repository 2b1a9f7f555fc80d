// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"fmt"
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
	r := &entryWriter{gen: &generation{entry4: trie}}
	put := func(s eroute.Selector) error {
		return r.put(s, abi.NewValue(s, eroute.Drop, 0, 0))
	}
	for n := range pinned.BatchSize {
		if err := put(sel(fmt.Sprintf("10.%d.%d.0/24", n/256, n%256), "192.0.2.0/24")); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.v4.wait(); err == nil {
		t.Error("100 entries took more")
	}
	late := sel("10.0.0.0/24", "192.0.2.0/24") // fits into the trie
	if err := put(late); err != nil {
		t.Fatal(err)
	}
	if err := trie.Delete(abi.EntryKey4(late)); err != nil {
		t.Fatal(err)
	}
	if err := r.flush(); err == nil {
		t.Error("the failure is forgotten")
	}
	var v bpf.ABIErouteValue
	if err := trie.Lookup(abi.EntryKey4(late), &v); err == nil {
		t.Error("there was a write after the one that failed")
	}
}
