// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/ipsec-eroute/eroute/internal/lab"
)

var (
	a4, b4 = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.1.1")
	a6, b6 = netip.MustParseAddr("2001:db8:2::1"), netip.MustParseAddr("2001:db8:1::1")
)

func ip4(proto layers.IPProtocol, fragment uint16) *layers.IPv4 {
	return &layers.IPv4{Version: 4, TTL: 9, Protocol: proto, FragOffset: fragment, SrcIP: a4.AsSlice(), DstIP: b4.AsSlice()}
}

func ip6(next layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 9, NextHeader: next, SrcIP: a6.AsSlice(), DstIP: b6.AsSlice()}
}

// The header of a frame is its outermost one, after VLAN tags and extension headers.
func TestHeader(t *testing.T) {
	ports := gopacket.Payload{0, 5, 0, 7, 0, 8, 0, 0}
	spi := gopacket.Payload{0, 0, 1, 0x35, 0, 0, 0, 1, 0, 0, 0, 0}
	ah := gopacket.Payload{50, 4, 0, 0, 0, 0, 1, 0x35, 0, 0, 0, 1, 0, 0, 0, 0}
	v4 := func(h lab.Header) lab.Header { h.Src, h.Dst, h.TTL = a4, b4, 9; return h }
	v6 := func(h lab.Header) lab.Header { h.Src, h.Dst, h.TTL = a6, b6, 9; return h }
	options := gopacket.Payload{17, 0, 1, 4, 0, 0, 0, 0} // next header UDP, PadN
	for _, c := range []struct {
		name   string
		packet []gopacket.SerializableLayer
		want   lab.Header
	}{
		{"v4 UDP", []gopacket.SerializableLayer{ip4(17, 0), ports}, v4(lab.Header{Proto: 17, SrcPort: 5, DstPort: 7})},
		{"v4 later fragment", []gopacket.SerializableLayer{ip4(17, 8), ports}, v4(lab.Header{Proto: 17})},
		{"v4 ESP", []gopacket.SerializableLayer{ip4(50, 0), spi}, v4(lab.Header{Proto: 50, SPI: 0x135})},
		{"v6 ESP", []gopacket.SerializableLayer{ip6(50), spi}, v6(lab.Header{Proto: 50, SPI: 0x135})},
		{"v4 AH", []gopacket.SerializableLayer{ip4(51, 0), ah}, v4(lab.Header{Proto: 51, SPI: 0x135})},
		{"v4 IPComp", []gopacket.SerializableLayer{ip4(lab.IPComp, 0), gopacket.Payload{4, 0, 1, 0x35, 0}}, v4(lab.Header{Proto: 108, SPI: 0x135})},
		{"v6 in v4", []gopacket.SerializableLayer{ip4(41, 0), ip6(17), ports}, v4(lab.Header{Proto: 41})},
		{"v6 hop-by-hop options", []gopacket.SerializableLayer{ip6(0), options, ports}, v6(lab.Header{Proto: 17, SrcPort: 5, DstPort: 7})},
		{"v6 destination options", []gopacket.SerializableLayer{ip6(60), options, ports}, v6(lab.Header{Proto: 17, SrcPort: 5, DstPort: 7})},
		{"v6 first fragment", []gopacket.SerializableLayer{ip6(44), gopacket.Payload{17, 0, 0, 1, 0, 0, 0, 1}, ports}, v6(lab.Header{Proto: 17, SrcPort: 5, DstPort: 7})},
		{"v6 later fragment", []gopacket.SerializableLayer{ip6(44), gopacket.Payload{17, 0, 0, 8, 0, 0, 0, 1}, ports}, v6(lab.Header{Proto: 17})},
	} {
		t.Run(c.name, func(t *testing.T) {
			data, err := lab.Build(c.packet...)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := lab.Frame{Link: layers.LinkTypeRaw, Data: data}.Header()
			if diff := cmp.Diff(c.want, got, cmpopts.EquateComparable(netip.Addr{})); !ok || diff != "" {
				t.Errorf("raw (-want +got):\n%s", diff)
			}
			if got.Src.Is6() {
				data = append([]byte{0x86, 0xdd}, data...)
			} else {
				data = append([]byte{0x08, 0x00}, data...)
			}
			frame := append(append(make([]byte, 12), 0x81, 0, 0x20, 42), data...)
			c.want.VLAN = 42
			got, ok = lab.Frame{Link: layers.LinkTypeEthernet, Data: frame}.Header()
			if diff := cmp.Diff(c.want, got, cmpopts.EquateComparable(netip.Addr{})); !ok || diff != "" {
				t.Errorf("VLAN (-want +got):\n%s", diff)
			}
		})
	}
	if h, ok := (lab.Frame{Link: layers.LinkTypeEthernet, Data: make([]byte, 60)}).Header(); ok {
		t.Errorf("zeros have the header %+v", h)
	}
}

// A match is the conjunction of its fields, and each of them can make it fail.
func TestMatch(t *testing.T) {
	data, err := lab.Build(ip4(50, 0), gopacket.Payload{0, 0, 1, 0x35, 0, 0, 0, 1})
	if err != nil {
		t.Fatal(err)
	}
	frames := lab.Frames{{Link: layers.LinkTypeRaw, Data: data}, {Link: layers.LinkTypeRaw, Outgoing: true, Data: data}}
	full := lab.Match{Src: lab.EastLAN4, Dst: lab.Only(b4), Proto: layers.IPProtocolESP, SPI: 0x135}
	change := func(f func(*lab.Match)) lab.Match { m := full; f(&m); return m }
	for _, c := range []struct {
		match lab.Match
		want  int
	}{
		{lab.Match{}, 2}, {full, 2},
		{change(func(m *lab.Match) { m.Outgoing = true }), 1},
		{change(func(m *lab.Match) { m.Incoming = true }), 1},
		{change(func(m *lab.Match) { m.Src = lab.WestLAN4 }), 0},
		{change(func(m *lab.Match) { m.Dst = lab.EastLAN6 }), 0},
		{change(func(m *lab.Match) { m.Proto = layers.IPProtocolAH }), 0},
		{change(func(m *lab.Match) { m.SPI = 0x136 }), 0},
		{change(func(m *lab.Match) { m.SrcPort = 1 }), 0},
		{change(func(m *lab.Match) { m.DstPort = 1 }), 0},
		{change(func(m *lab.Match) { m.VLAN = 1 }), 0},
	} {
		if got := frames.Count(c.match); got != c.want {
			t.Errorf("%+v matches %d frames, want %d", c.match, got, c.want)
		}
	}
	if got := frames.Containing([]byte{1, 0x35}); got != 2 {
		t.Errorf("%d frames contain the SPI, want 2", got)
	}
}

// A capture file contains the unmodified frames.
func TestWritePCAP(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pcap")
	want := lab.Frames{{Link: layers.LinkTypeRaw, Time: time.Unix(5, 0), Data: []byte{0x45, 1, 2}}}
	if err := want.WritePCAP(path); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := pcapgo.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	data, info, err := r.ReadPacketData()
	if err != nil || !bytes.Equal(data, want[0].Data) || !info.Timestamp.Equal(want[0].Time) || r.LinkType() != layers.LinkTypeRaw {
		t.Errorf("%x at %v of %v, %v", data, info.Timestamp, r.LinkType(), err)
	}
}
