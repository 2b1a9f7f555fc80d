// SPDX-License-Identifier: Apache-2.0

package index_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/internal/testtable"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/index"
)

// The index of a table that is made by one command has room for the summaries that it needs: not so little that the
// index must be built again, nor much more.
func TestIndexInitialSize(t *testing.T) {
	const eroutes = 3000
	address := func(n int) netip.Prefix {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], 10<<24+uint32(n))
		return netip.PrefixFrom(netip.AddrFrom4(b), 32)
	}
	for name, c := range map[string]struct {
		sources, summaries int
	}{
		"one source":           {1, 1 + 12}, // and blocks of 24 bits
		"as many as there are": {eroutes, 2 * eroutes},
	} {
		t.Run(name, func(t *testing.T) {
			table := testtable.New(t)
			var changes []eroute.Change
			for i := range eroutes {
				s := eroute.Selector{Src: address(i % c.sources), Dst: address(i)}
				changes = append(changes, eroute.Change{Op: eroute.OpAdd, Selector: s, SAID: eroute.Drop})
			}
			if err := table.Apply(t.Context(), changes); err != nil {
				t.Fatal(err)
			}
			var meta bpf.ABITableMeta
			if err := table.Map("eroute_meta").Lookup(uint32(0), &meta); err != nil {
				t.Fatal(err)
			}
			ix := index.NewSet(table.Map(index.MapName), table.Dir(), &ebpf.LoadPinOptions{}, meta.Generation, abi.SecretsOf(&meta))
			if err := ix.OpenExisting(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = ix.Close() }()
			summaries, entries := ix.Index(0).Use()
			if summaries.Used > c.summaries || summaries.Room < c.summaries || summaries.Room > c.summaries*5/4+index.SummaryLoad {
				t.Errorf("summaries: %+v, want %d", summaries, c.summaries)
			}
			if entries.Used != eroutes || entries.Room < eroutes || entries.Room > eroutes*5/4 {
				t.Errorf("entries: %+v, want %d", entries, eroutes)
			}
		})
	}
}
