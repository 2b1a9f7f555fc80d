// SPDX-License-Identifier: Apache-2.0

package frames

import (
	"encoding/binary"
	"slices"
)

// jumbo is the largest payload: more than links usually carry.
const jumbo = 9000

// packets returns an IP packet, or the fragments of one, which may overlap.
func (r *random) packets() [][]byte {
	v6 := r.oneIn(2)
	proto, payload := r.payload(v6, 3)
	if r.oneIn(6) {
		return r.fragments(v6, proto, payload)
	}
	return [][]byte{r.packet(v6, proto, payload, 0, false)}
}

// packet prepends IP headers, with options or a chain of extension headers, to a payload. offset and more are
// those of a fragment, in units of eight bytes.
func (r *random) packet(v6 bool, proto byte, payload []byte, offset uint16, more bool) []byte {
	if v6 {
		return r.packet6(proto, payload, offset, more)
	}
	return r.packet4(proto, payload, offset, more)
}

// fragments cuts a payload into pieces that overlap, leave gaps or are repeated.
func (r *random) fragments(v6 bool, proto byte, payload []byte) (all [][]byte) {
	for range 2 + r.IntN(3) {
		from := r.IntN(len(payload)/8+1) * 8
		to := min(from+8*(1+r.IntN(8)), len(payload))
		all = append(all, r.packet(v6, proto, payload[from:to], uint16(from/8), to < len(payload) || r.oneIn(4)))
	}
	return all
}

// payload is a packet's payload: the start of a transport header, an ICMP error that quotes a packet, which
// may itself be an error, or a complete packet of either family.
func (r *random) payload(v6 bool, depth int) (proto byte, b []byte) {
	if depth > 0 && r.oneIn(4) {
		inner6 := v6
		proto, header := pick[byte](r, 1, 58), []byte{pick[byte](r, 1, 2, 3, 4, 11, 12), byte(r.IntN(16)), 0, 0, 0, 0, 0, 0}
		if r.oneIn(3) {
			inner6 = r.oneIn(2)
			proto, header = pick[byte](r, 4, 41, 47), r.bytes(pick(r, 0, 0, 4))
		}
		p, inner := r.payload(inner6, depth-1)
		return proto, append(header, r.packet(inner6, p, inner, 0, false)...)
	}
	size := r.IntN(64)
	if r.oneIn(30) {
		size = r.IntN(jumbo)
	}
	b = r.bytes(size)
	if size >= 4 {
		binary.BigEndian.PutUint16(b, r.port())
		binary.BigEndian.PutUint16(b[2:], r.port())
	}
	return r.proto(), b
}

func (r *random) packet4(proto byte, payload []byte, offset uint16, more bool) []byte {
	b := make([]byte, 20, 60+len(payload))
	if r.oneIn(6) {
		b = append(b, r.options4()...)
	}
	b[0], b[1] = 0x40|byte(len(b)/4), byte(r.Uint32())
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)+len(payload)))
	binary.BigEndian.PutUint16(b[6:], offset&0x1fff)
	if more {
		b[6] |= 0x20
	}
	if r.oneIn(10) {
		b[6] |= byte(r.Uint32())
	}
	b[8], b[9] = r.hopLimit(), proto
	copy(b[12:], r.source(false).AsSlice())
	copy(b[16:], r.destination(false).AsSlice())
	finish4(b)
	return append(b, payload...)
}

func (r *random) hopLimit() byte {
	if r.oneIn(8) {
		return pick[byte](r, 2, 1, 0)
	}
	return pick[byte](r, 64, 255)
}

// options4 is a list of IPv4 options, well formed or not, of whole words.
func (r *random) options4() []byte {
	b := r.bytes(4 * (1 + r.IntN(10)))
	for i := 0; i < len(b); i += 4 {
		b[i], b[i+1] = pick[byte](r, 0, 1, 7, 68, 131, 137, 148), byte(r.IntN(12))
	}
	return b
}

// finish4 fills in the header's checksum.
func finish4(b []byte) {
	n := 4 * int(b[0]&15)
	if n < 20 || n > len(b) {
		return
	}
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], ^sum(b[:n]))
}

func sum(b []byte) uint16 {
	s := uint32(0)
	for ; len(b) > 1; b = b[2:] {
		s += uint32(binary.BigEndian.Uint16(b))
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

func (r *random) packet6(proto byte, payload []byte, offset uint16, more bool) []byte {
	var chain []byte
	next := proto
	if offset != 0 || more {
		chain = fragment6(next, offset, more)
		next = 44
	}
	for range max(0, r.IntN(14)-4) {
		typ, header := r.extension(next)
		chain, next = append(header, chain...), typ
	}
	b := make([]byte, 40, 40+len(chain)+len(payload))
	b[0], b[1] = 0x60|byte(r.IntN(16)), byte(r.Uint32())
	size := len(chain) + len(payload)
	if size > 0xffff || r.oneIn(20) {
		size = 0 // like a jumbogram
	}
	binary.BigEndian.PutUint16(b[4:], uint16(size))
	b[6], b[7] = next, r.hopLimit()
	copy(b[8:], r.source(true).AsSlice())
	copy(b[24:], r.destination(true).AsSlice())
	return slices.Concat(b, chain, payload)
}

func fragment6(next byte, offset uint16, more bool) []byte {
	b := []byte{next, 0, 0, 0, 0, 0, 0, 1}
	field := offset << 3
	if more {
		field |= 1
	}
	binary.BigEndian.PutUint16(b[2:], field)
	return b
}

// extension is an IPv6 extension header of any type, and its type.
func (r *random) extension(next byte) (typ byte, header []byte) {
	typ = pick[byte](r, 0, 43, 44, 60, 60, 135, 139, 140)
	if typ == 44 {
		offset := uint16(0)
		if r.oneIn(3) {
			offset = uint16(r.Uint32()) >> 3
		}
		return typ, fragment6(next, offset, r.oneIn(2))
	}
	units := r.IntN(3)
	if r.oneIn(30) {
		units = r.IntN(256)
	}
	header = r.bytes(8 * (units + 1))
	header[0], header[1] = next, byte(units)
	if r.oneIn(40) {
		header[1] = byte(r.Uint32())
	}
	return typ, header
}

// damage corrupts a packet or frame: some bits, a length, its end.
func (r *random) damage(b []byte) []byte {
	b = slices.Clone(b)
	if len(b) == 0 {
		return b
	}
	for range 1 + r.IntN(4) {
		switch r.IntN(5) {
		case 0, 1:
			b[r.IntN(min(len(b), 64))] ^= 1 << r.IntN(8)
		case 2:
			b[r.IntN(len(b))] = byte(r.Uint32())
		case 3:
			b = b[:1+r.IntN(len(b))]
		case 4:
			b = append(b, r.bytes(r.IntN(40))...)
		}
	}
	return b
}
