// SPDX-License-Identifier: Apache-2.0

package eroute_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// lookup returns the SAID that the packet matches, or "none".
func lookup(l *eroute.Linear, p eroute.Packet) string {
	e, ok := l.Lookup(p)
	if !ok {
		return "none"
	}
	return e.SAID.String()
}

func list(l *eroute.Linear) []string {
	lines := []string{}
	for _, e := range l.List() {
		lines = append(lines, e.String())
	}
	return lines
}

func TestLinearLookup(t *testing.T) {
	var table eroute.Linear
	rows := []struct {
		selector eroute.Selector
		said     eroute.SAID
	}{
		{sel("10.0.0.0/8", "0.0.0.0/0", 0), eroute.Pass},
		{sel("10.1.0.0/16", "192.0.2.0/24", 0), eroute.Drop},
		{sel("10.0.0.0/8", "198.51.100.0/24", 0), eroute.Reject},
		{sel("10.0.0.0/8", "198.51.100.0/24", 17), eroute.Hold},
		{sel("10.0.0.0/8", "198.51.100.0/24", 17, 0, 53), eroute.Trap},
		{sel("::/0", "::/0", 0), eroute.TrapSubnet},
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20 { // insertion order never matters
		table.Clear()
		rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		for _, row := range rows {
			if err := table.Add(row.selector, row.said); err != nil {
				t.Fatal(err)
			}
		}
		for _, tt := range []struct {
			packet eroute.Packet
			want   string
		}{
			{pkt("10.1.2.3", "192.0.2.1", 1), "%drop"},
			{pkt("10.2.2.3", "192.0.2.1", 1), "%pass"},
			{pkt("10.1.2.3", "198.51.100.1", 1), "%reject"}, // the /16 has no such destination
			{pkt("10.1.2.3", "198.51.100.1", 17, 9, 9), "%hold"},
			{pkt("10.1.2.3", "198.51.100.1", 17, 9, 53), "%trap"},
			{pkt("10.1.2.3", "198.51.100.1", 17), "%hold"}, // a fragment
			{pkt("11.1.2.3", "198.51.100.1", 17), "none"},
			{pkt("2001:db8::1", "2001:db8::2", 17, 9, 53), "%trapsubnet"},
		} {
			if got := lookup(&table, tt.packet); got != tt.want {
				t.Errorf("%v meets %s, want %s", tt.packet, got, tt.want)
			}
		}
	}
}

func TestLinearChanges(t *testing.T) {
	var table eroute.Linear
	net := sel("192.0.2.0/24", "192.0.1.0/24", 0)
	tcp := sel("192.0.2.0/24", "192.0.1.0/24", 6)

	if err := table.Del(net); !errors.Is(err, eroute.ErrNotFound) {
		t.Errorf("delete of an absent eroute: %v, want %v", err, eroute.ErrNotFound)
	}
	table.Clear() // fine on an empty table
	if err := table.Add(net, eroute.Drop); err != nil {
		t.Errorf("add: %v", err)
	}
	if err := table.Add(net, eroute.Pass); !errors.Is(err, eroute.ErrExist) {
		t.Errorf("add of a selector that exists: %v, want %v", err, eroute.ErrExist)
	}
	if err := table.Add(tcp, eroute.Pass); err != nil {
		t.Errorf("same nets, another protocol: %v", err)
	}
	want := []string{
		"0          192.0.2.0/24       -> 192.0.1.0/24       => %drop",
		"0          192.0.2.0/24       -> 192.0.1.0/24       => %pass:6",
	}
	if diff := cmp.Diff(want, list(&table)); diff != "" {
		t.Errorf("after add (-want +got):\n%s", diff)
	}
	table.Replace(net, eroute.Hold)
	if err := table.Del(tcp); err != nil {
		t.Errorf("delete: %v", err)
	}
	table.Replace(sel("192.0.1.0/24", "192.0.2.0/24", 0), eroute.Trap) // adds it
	want = []string{
		"0          192.0.1.0/24       -> 192.0.2.0/24       => %trap",
		"0          192.0.2.0/24       -> 192.0.1.0/24       => %hold",
	}
	if diff := cmp.Diff(want, list(&table)); diff != "" {
		t.Errorf("after replace and delete (-want +got):\n%s", diff)
	}
	table.Clear()
	if diff := cmp.Diff([]string{}, list(&table)); diff != "" {
		t.Errorf("after clear (-want +got):\n%s", diff)
	}
}
