// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"io/fs"
	"net/netip"
	"slices"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/revision"
)

// memory is a table in memory, with counters.
type memory struct {
	stats   maps.Stats
	walk    maps.Scan
	eroutes []eroute.Eroute
	sas     []maps.SA
	closed  int
}

func (m *memory) Stats() (maps.Stats, error) { return m.stats, nil }

func (m *memory) Scan(n int) (maps.Scan, error) {
	if n != Most {
		return maps.Scan{}, errors.New("not the bound that is documented")
	}
	return m.walk, nil
}

func (m *memory) Exact(selectors []eroute.Selector) (all []eroute.Eroute, err error) {
	for _, e := range m.eroutes {
		if slices.Contains(selectors, e.Selector) {
			all = append(all, e)
		}
	}
	return all, nil
}

func (m *memory) SAs(saids []eroute.SAID) (all []maps.SA, err error) {
	for _, sa := range m.sas {
		if slices.Contains(saids, sa.SAID) {
			all = append(all, sa)
		}
	}
	return all, nil
}

func (m *memory) Queue() (waiting, size int, err error) { return 4096, 4194304, nil }

func (m *memory) Memory() (map[string]uint64, error) {
	return map[string]uint64{"eroute_entry4": 72000328, "eroute_cache": 16777528}, nil
}

func (m *memory) Close() error { m.closed++; return nil }

func (m *memory) source() Source {
	return Source{
		Open: func() (Table, error) { return m, nil },
		XFRM: func() (map[string]uint64, error) { return map[string]uint64{"XfrmOutNoStates": 12}, nil },
	}
}

func noXFRM() (map[string]uint64, error) { return nil, fs.ErrNotExist }

func said(t *testing.T, text string) eroute.SAID {
	t.Helper()
	s, err := eroute.ParseSAID(t.Context(), text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// example returns a table with every kind of content.
func example(t *testing.T) *memory {
	t.Helper()
	site := eroute.Selector{Src: netip.MustParsePrefix("10.1.0.0/16"), Dst: netip.MustParsePrefix("10.2.0.0/16")}
	mail := eroute.Selector{Src: netip.MustParsePrefix("2001:db8:1::/48"), Dst: netip.MustParsePrefix("::/0"), Proto: 6, DstPort: 25}
	gone := eroute.Selector{Src: netip.MustParsePrefix("10.9.0.0/16"), Dst: netip.MustParsePrefix("10.2.0.0/16")}
	tun := said(t, "tun0x1000@192.0.2.2")
	return &memory{
		stats: maps.Stats{
			Eroutes: 17, Limit: 1000, Revision: revision.Revision{ID: "3f2a9c", Changed: true}, SAs: 3, SAsMissing: 1, Relay: true, Holds: 2, Answered: 5,
			Reasons: []maps.ReasonCount{
				{Name: "sa", Verdict: maps.Sent, Packets: 100, Bytes: 12000},
				{Name: "trap-queue-full", Verdict: maps.Dropped, Packets: 3, Bytes: 180},
			},
		},
		walk: maps.Scan{Traps: 4, Eroutes: []eroute.Selector{site, gone, mail}, SAs: []eroute.SAID{tun}},
		eroutes: []eroute.Eroute{
			{Selector: site, SAID: tun, Packets: 90, Bytes: 11000},
			{Selector: mail, SAID: eroute.Drop, Packets: 18446744073709551615, Bytes: 7},
		},
		sas: []maps.SA{{SAID: tun, Packets: 88, Bytes: 12760}},
	}
}
