// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// partial builds a packet twice: with the complete checksum, and with only the pseudo header's sum.
func partial(t *testing.T, v6 bool, transport gopacket.SerializableLayer, at int, payload string) (right, partial []byte) {
	t.Helper()
	var network gopacket.SerializableLayer
	header := 20
	proto := layers.IPProtocolUDP
	if _, ok := transport.(*layers.TCP); ok {
		proto = layers.IPProtocolTCP
	}
	if v6 {
		header = 40
		network = &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: proto, SrcIP: net.ParseIP("2001:db8::1"), DstIP: net.ParseIP("2001:db8::2")}
	} else {
		network = &layers.IPv4{Version: 4, TTL: 64, Protocol: proto, SrcIP: net.IPv4(192, 0, 2, 1), DstIP: net.IPv4(192, 0, 1, 1)}
	}
	if err := transport.(interface {
		SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
	}).SetNetworkLayerForChecksum(network.(gopacket.NetworkLayer)); err != nil {
		t.Fatal(err)
	}
	buf := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, options, network, transport, gopacket.Payload(payload)); err != nil {
		t.Fatal(err)
	}
	right = bytes.Clone(buf.Bytes())
	partial = bytes.Clone(right)
	segment := partial[header:]
	binary.BigEndian.PutUint16(segment[at:], 0)
	// The field holds the sum of the pseudo header, not its complement.
	whole := fold(add(0, segment))
	full := ^binary.BigEndian.Uint16(right[header+at:])
	binary.BigEndian.PutUint16(segment[at:], fold(uint64(full)+uint64(^whole)))
	return right, partial
}

// TestFinishChecksum checks that a partial checksum is completed, and any other is left unchanged.
func TestFinishChecksum(t *testing.T) {
	for _, c := range []struct {
		name      string
		v6        bool
		transport gopacket.SerializableLayer
		at        int
	}{
		{"udp v4", false, &layers.UDP{SrcPort: 4711, DstPort: 53}, 6},
		{"udp v6", true, &layers.UDP{SrcPort: 4711, DstPort: 53}, 6},
		{"tcp v4", false, &layers.TCP{SrcPort: 4711, DstPort: 80, SYN: true, Window: 1024}, 16},
		{"tcp v6", true, &layers.TCP{SrcPort: 4711, DstPort: 80, SYN: true, Window: 1024}, 16},
	} {
		for _, payload := range []string{"", "odd", "even"} {
			right, unfinished := partial(t, c.v6, c.transport, c.at, payload)
			if bytes.Equal(right, unfinished) {
				t.Fatalf("%s: nothing to finish", c.name)
			}
			finishChecksum(unfinished)
			if !bytes.Equal(unfinished, right) {
				t.Errorf("%s %q:\n%x, want\n%x", c.name, payload, unfinished, right)
			}
			finishChecksum(unfinished)
			if !bytes.Equal(unfinished, right) {
				t.Errorf("%s: a right checksum was changed", c.name)
			}
			wrong := bytes.Clone(right)
			wrong[len(wrong)-len(payload)-1] ^= 0x55
			before := bytes.Clone(wrong)
			finishChecksum(wrong)
			if !bytes.Equal(wrong, before) {
				t.Errorf("%s: a wrong checksum was changed", c.name)
			}
		}
	}
}

// FuzzFinishChecksum checks that at most the checksum of a packet changes, and that a second call changes
// nothing.
func FuzzFinishChecksum(f *testing.F) {
	f.Add([]byte{0x45, 0, 0, 20})
	f.Add(append([]byte{0x60, 0, 0, 0, 0, 8, 0, 64}, make([]byte, 40)...))
	f.Add(append([]byte{0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}, 0, 1, 0, 2, 0, 8, 0x14, 0x1c))
	f.Fuzz(func(t *testing.T, b []byte) {
		finished := bytes.Clone(b)
		finishChecksum(finished)
		first, last := -1, -1
		for i := range b {
			if b[i] != finished[i] {
				last = i
				if first < 0 {
					first = i
				}
			}
		}
		if last-first > 1 || first >= 0 && first < 20 {
			t.Errorf("%x became %x", b, finished)
		}
		again := bytes.Clone(finished)
		if finishChecksum(again); !bytes.Equal(again, finished) {
			t.Errorf("%x became %x, then %x", b, finished, again)
		}
	})
}
