// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/metrics"
)

// The SAs with their own metrics are those with most packets, as counted by XFRM.
func TestBusiestSAs(t *testing.T) {
	const count = metrics.Most + 5
	b := newBench(t)
	network := netip.MustParsePrefix("198.18.0.0/16")
	if err := b.East.Route(network, virtual); err != nil {
		t.Fatal(err)
	}
	ip(t, b.West, "route add blackhole "+network.String()) // no host there, and no ICMP error
	var changes []eroute.Change
	dst := network.Addr()
	for i := range count {
		dst = dst.Next()
		sa := install(t, lab.Tunnel{From: b.East, To: b.West, SPI: uint32(0x2000 + i)})
		changes = append(changes, eroute.Change{
			Op: eroute.OpAdd, Selector: nets(lab.EastLAN4, lab.Only(dst)), SAID: parseSAID(t, sa.TunSAID()),
		})
	}
	b.apply(t, changes...)
	t.Cleanup(func() { b.apply(t, eroute.Change{Op: eroute.OpClear}) })
	for i, c := range changes {
		for range i + 1 {
			d := lab.Datagram{Dst: netip.AddrPortFrom(c.Selector.Dst.Addr(), 9), Payload: []byte(lab.Marker)}
			if err := b.EastHost.SendUDP(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := b.eroute(t, changes[count-1].Selector).Packets; n != count {
		t.Fatalf("the last eroute counted %d packets, want %d", n, count)
	}

	var got []maps.SA
	err := b.East.Do(func() error {
		table, err := maps.OpenWatch()
		if err != nil {
			return err
		}
		walk, err := table.Scan(metrics.Most)
		if err == nil {
			got, err = table.SAs(append(walk.SAs, parseSAID(t, "tun0x9999@192.1.2.45")))
		}
		return errors.Join(err, table.Close())
	})
	if err != nil || len(got) != metrics.Most {
		t.Fatalf("%d SAs, %v, want %d", len(got), err, metrics.Most)
	}
	const size = uint64(20 + 8 + len(lab.Marker))
	for i, sa := range got {
		if n := count - i; sa != (maps.SA{SAID: changes[n-1].SAID, Packets: uint64(n), Bytes: uint64(n) * size}) {
			t.Errorf("SA %d is %+v, want %s with %d packets of %d bytes", i, sa, changes[n-1].SAID, n, size)
		}
	}
}
