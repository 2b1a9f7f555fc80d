// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// With many SAs to one peer, each packet uses the SA of its eroute.
func TestManySAs(t *testing.T) {
	const count, step, firstSPI = 10000, 50, 0x1000
	b := newBench(t)
	network := netip.MustParsePrefix("198.18.0.0/16")
	if err := b.East.Route(network, virtual); err != nil {
		t.Fatal(err)
	}
	b.addStates(t, firstSPI, count)
	var changes []eroute.Change
	dst := network.Addr()
	for i := range count {
		dst = dst.Next()
		changes = append(changes, eroute.Change{
			Op: eroute.OpAdd, Selector: nets(lab.EastLAN4, lab.Only(dst)), SAID: parseSAID(t, fmt.Sprintf("tun0x%x@%s", firstSPI+i, b.West.WAN4)),
		})
	}
	b.apply(t, changes...)
	t.Cleanup(func() { b.apply(t, eroute.Change{Op: eroute.OpClear}) })

	stop := b.wire(t)
	packets := func(i int) int { return 1 + i/step%3 }
	for i := 0; i < count; i += step {
		for range packets(i) {
			d := lab.Datagram{Dst: netip.AddrPortFrom(changes[i].Selector.Dst.Addr(), 9), Payload: []byte(lab.Marker)}
			if err := b.EastHost.SendUDP(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := 0; i < count; i += count / 10 {
		s := changes[i].Selector
		if n := b.eroute(t, s).Packets; n != uint64(packets(i)) {
			t.Errorf("the eroute to %s counted %d packets, want %d", s.Dst, n, packets(i))
		}
	}
	frames := stop()
	checkOnly(t, frames, layers.IPProtocolESP)
	for i := 0; i < count; i += step {
		spi := uint32(firstSPI + i)
		if n := frames.Count(lab.Match{SPI: spi}); n != packets(i) {
			t.Errorf("%d frames of SPI %#x, want %d", n, spi, packets(i))
		}
	}
}

// addStates adds that many SAs to West on East; West does not have them.
func (b bench) addStates(t *testing.T, firstSPI, count int) {
	t.Helper()
	var lines strings.Builder
	for i := range count {
		fmt.Fprintf(&lines, "xfrm state add src %s dst %s proto esp spi 0x%x reqid %d mode tunnel aead rfc4106(gcm(aes)) 0x%040x 128\n",
			b.East.WAN4, b.West.WAN4, firstSPI+i, i%3, i+1)
	}
	file := filepath.Join(t.TempDir(), "states")
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	ip(t, b.East, "-batch "+file)
}
