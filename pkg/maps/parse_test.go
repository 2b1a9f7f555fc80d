// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/lookup"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// parsedPorts are the ports that the eroutes of newParserTable distinguish.
var parsedPorts = []uint16{1, 2, 53, 500, 1701, 4500, 65535}

// newParserTable returns a table in which packets that differ in the fields of selectors match different
// eroutes, and an equal reference.
func newParserTable(t *testing.T) (*Table, *eroute.Linear) {
	t.Helper()
	table, reference := newTable(t), &eroute.Linear{}
	var changes []eroute.Change
	for _, everything := range []string{"0.0.0.0/0", "::/0"} {
		all := netip.MustParsePrefix(everything)
		add := func(proto uint8, sport, dport uint16) {
			s := eroute.Selector{Src: all, Dst: all, Proto: proto, SrcPort: sport, DstPort: dport}
			changes = append(changes, eroute.Change{Op: eroute.OpAdd, Selector: s, SAID: eroute.Drop})
		}
		for proto := range 256 {
			add(uint8(proto), 0, 0)
		}
		for _, proto := range []uint8{6, 17} {
			for _, sport := range parsedPorts {
				add(proto, sport, 0)
				add(proto, 0, sport)
				for _, dport := range parsedPorts {
					add(proto, sport, dport)
				}
			}
		}
	}
	for _, c := range changes {
		if err := applyTo(reference, c); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	return table, reference
}

// frameOf puts an Ethernet header before an IP packet. The Ethernet type follows the version in the packet.
func frameOf(packet []byte) []byte {
	frame := make([]byte, pinned.EthernetLen, pinned.EthernetLen+len(packet))
	frame[12], frame[13] = 0x08, 0x00
	if len(packet) > 0 && packet[0]>>4 == 6 {
		frame[12], frame[13] = 0x86, 0xdd
	}
	return append(frame, packet...)
}

const (
	ipv4Len = 20
	ipv6Len = 40
)

// headerLen returns the length of the fixed header that a packet should have.
func headerLen(packet []byte) int {
	if len(packet) > 0 && packet[0]>>4 == 6 {
		return ipv6Len
	}
	return ipv4Len
}

// checkParsed compares the kernel program's result for a packet with that of the reference parser and the
// reference table.
func checkParsed(t *testing.T, table *Table, reference *eroute.Linear, packet []byte) {
	t.Helper()
	p, wantErr := eroute.ParsePacket(packet)
	got, found, err := table.lookupFrame(frameOf(packet), p)
	if errors.Is(err, unix.EINVAL) && len(packet) < headerLen(packet) {
		return // Linux 6.18 does not run programs on these
	}
	if wantErr != nil {
		if !errors.Is(wantErr, eroute.ErrNotIP) || !errors.Is(err, lookup.ErrNotIP) {
			t.Errorf("packet %x: kernel %v, %v, reference %v", packet, got, err, wantErr)
		}
		return
	}
	want, wantFound := reference.Lookup(p)
	if err != nil || found != wantFound || got.Selector != want.Selector {
		t.Errorf("packet %x: kernel %v, %v, reference %+v, which meets %v", packet, got, err, p, want)
	}
}

// TestParseFixtures checks that the parser reads the specified fields from each hand-made packet, and that the
// kernel program agrees with the reference parser.
func TestParseFixtures(t *testing.T) {
	table, reference := newParserTable(t)
	for _, f := range append(fixtures4(t), fixtures6(t)...) {
		t.Run(f.name, func(t *testing.T) {
			got, err := eroute.ParsePacket(f.packet)
			if f.notIP {
				if !errors.Is(err, eroute.ErrNotIP) {
					t.Errorf("reference parser: %+v, %v, want %v", got, err, eroute.ErrNotIP)
				}
			} else if err != nil || got.Proto != f.proto || got.SrcPort != f.sport || got.DstPort != f.dport {
				t.Errorf("reference parser: %+v, %v, want protocol %d, ports %d and %d", got, err, f.proto, f.sport, f.dport)
			}
			checkParsed(t, table, reference, f.packet)
		})
	}
}

// TestParseVersionAgainstType checks that a frame whose type contradicts the version in its IP header is not
// accepted as IP.
func TestParseVersionAgainstType(t *testing.T) {
	table, _ := newParserTable(t)
	for _, packet := range [][]byte{fixtures4(t)[0].packet, fixtures6(t)[0].packet} {
		frame := append(frameOf(packet), make([]byte, ipv6Len)...)
		frame[12], frame[13] = 0x08^0x86^frame[12], 0x00^0xdd^frame[13]
		if got, _, err := table.lookupFrame(frame, eroute.Packet{}); !errors.Is(err, lookup.ErrNotIP) {
			t.Errorf("frame %x: %v, %v, want %v", frame, got, err, lookup.ErrNotIP)
		}
	}
}
