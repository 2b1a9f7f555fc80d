// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"encoding/binary"
	"slices"
	"testing"
)

// somePort returns, most of the time, a port of the eroutes of the parser's table.
func (r *random) somePort() uint16 {
	if r.IntN(8) == 0 {
		return uint16(r.Uint32())
	}
	return parsedPorts[r.IntN(len(parsedPorts))]
}

// payload returns a transport header, possibly truncated.
func (r *random) payload() []byte {
	b := make([]byte, 8+r.IntN(24))
	binary.BigEndian.PutUint16(b, r.somePort())
	binary.BigEndian.PutUint16(b[2:], r.somePort())
	if r.IntN(6) == 0 {
		b = b[:r.IntN(len(b))]
	}
	return b
}

func (r *random) someProto() byte {
	if r.IntN(10) == 0 {
		return byte(r.Uint32())
	}
	return []byte{6, 17, 6, 17, 1, 50, 51, 58, 59, 132}[r.IntN(10)]
}

func (r *random) rawPacket4() []byte {
	options, payload := 4*max(0, r.IntN(16)-5), r.payload()
	b := make([]byte, 20+options)
	b[0] = 0x45 + byte(options/4)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)+len(payload)))
	if r.IntN(4) == 0 {
		binary.BigEndian.PutUint16(b[6:], uint16(r.Uint32())>>r.IntN(16))
	}
	b[8], b[9] = 64, r.someProto()
	binary.BigEndian.PutUint64(b[12:], r.Uint64())
	return append(b, payload...)
}

func (r *random) rawPacket6() []byte {
	types := []byte{hopByHop, routing, fragment, destOpts, mobility, hip, shim6}
	var links []link6
	for range r.IntN(11) {
		l := link6{typ: types[1+r.IntN(len(types)-1)], units: byte(r.IntN(3))}
		if len(links) == 0 && r.IntN(3) == 0 || r.IntN(30) == 0 {
			l.typ = hopByHop
		}
		if l.typ == fragment {
			l.fragment = uint16(r.IntN(8))
			if r.IntN(3) == 0 {
				l.fragment = uint16(r.Uint32())
			}
		}
		links = append(links, l)
	}
	proto := r.someProto()
	first := proto
	if len(links) > 0 {
		first = links[0].typ
	}
	chain := chain6(links, proto, r.payload())
	b := make([]byte, 40)
	b[0], b[6], b[7] = 0x60, first, 64
	binary.BigEndian.PutUint16(b[4:], uint16(len(chain)))
	for i := 8; i < 40; i++ {
		b[i] = byte(r.Uint32())
	}
	return append(b, chain...)
}

// mutate damages a packet: bytes of its headers, its length fields, its end.
func (r *random) mutate(b []byte) []byte {
	b = slices.Clone(b)
	for range r.IntN(3) {
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
	}
	lengthAt := 2
	if b[0]>>4 == 6 {
		lengthAt = 4
	}
	switch r.IntN(6) {
	case 0:
		binary.BigEndian.PutUint16(b[lengthAt:], uint16(r.IntN(len(b)+8)))
	case 1:
		binary.BigEndian.PutUint16(b[lengthAt:], 0)
	case 2:
		b = b[:1+r.IntN(len(b))]
	case 3:
		b = append(b, r.payload()...)
	}
	return b
}

// TestParseRandom checks that the kernel program and the reference parser read the same fields from any packet,
// intact or damaged.
func TestParseRandom(t *testing.T) {
	const packets = 60000
	r := newRandom(t)
	table, reference := newParserTable(t)
	for i := range packets {
		packet := r.rawPacket4()
		if i%2 == 0 {
			packet = r.rawPacket6()
		}
		if r.IntN(2) == 0 {
			packet = r.mutate(packet)
		}
		if checkParsed(t, table, reference, packet); t.Failed() {
			t.FailNow()
		}
	}
}
