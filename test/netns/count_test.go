// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	table "github.com/ipsec-eroute/eroute/pkg/maps"
)

// counts are packets by reason, and on eroutes.
type counts struct {
	Reasons map[string]uint64 // those that are not 0
	Eroutes uint64            // total of all eroutes
}

func (g *gateway) counts(t *testing.T) counts {
	t.Helper()
	c := counts{Reasons: map[string]uint64{}}
	g.read(t, func(tab *table.Table) error {
		s, err := tab.Stats()
		for _, r := range s.Reasons {
			if r.Packets != 0 {
				c.Reasons[r.Name] = r.Packets
			}
		}
		for e, err := range tab.All() {
			if err != nil {
				return err
			}
			c.Eroutes += e.Packets
		}
		return err
	})
	return c
}

// since is the difference from before.
func (c counts) since(before counts) counts {
	d := counts{Reasons: maps.Clone(c.Reasons), Eroutes: c.Eroutes - before.Eroutes}
	for name, n := range before.Reasons {
		if d.Reasons[name] -= n; d.Reasons[name] == 0 {
			delete(d.Reasons, name)
		}
	}
	return d
}

// total is the number of packets with any reason.
func (c counts) total() (n uint64) {
	for _, packets := range c.Reasons {
		n += packets
	}
	return n
}

// counted waits until the counters have these values, waits briefly for further packets, and checks that each
// packet has this reason, once, and was counted on an eroute.
func (g *gateway) counted(t *testing.T, before counts, want counts) {
	t.Helper()
	eventually(t, func() bool { return cmp.Equal(want, g.counts(t).since(before)) })
	time.Sleep(20 * time.Millisecond)
	if diff := cmp.Diff(want, g.counts(t).since(before)); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}

// reason is the count of n packets that matched an eroute.
func reason(name string, n int) counts {
	if n == 0 {
		return counts{Reasons: map[string]uint64{}}
	}
	return counts{Reasons: map[string]uint64{name: uint64(n)}, Eroutes: uint64(n)}
}

// noEroute is the count of n packets that matched none.
func noEroute(name string, n int) counts {
	return counts{Reasons: map[string]uint64{name: uint64(n)}}
}

// listed returns the eroutes of the table.
func (g *gateway) listed(t *testing.T) (all []eroute.Eroute) {
	t.Helper()
	g.read(t, func(tab *table.Table) error {
		for e, err := range tab.All() {
			if err != nil {
				return err
			}
			all = append(all, e)
		}
		return nil
	})
	return all
}
