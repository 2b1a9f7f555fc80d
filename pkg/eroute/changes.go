// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"iter"
	"net/netip"
)

// Changes is a list of changes in the order in which they are made. A million of them take 64 MB without
// pointers, less than half the size of a slice, and the list grows without being copied. Its zero value is
// empty.
type Changes struct {
	chunks [][]packedChange
	n      int
	odd    []Change // changes that do not fit into a packedChange
}

// changesChunk is the number of changes that are allocated at a time.
const changesChunk = 4096

// packedChange is a change in 64 bytes.
type packedChange struct {
	op                 Op     // 0: the change is odd[spi]
	family, saidFamily Family // of both prefixes; of the SAID's destination, 0: none
	proto, saidProto   uint8
	srcLen, dstLen     uint8 // plus 1
	srcPort, dstPort   uint16
	spi                uint32
	src, dst, saidDst  [16]byte
}

// ChangesOf returns a list of the given changes.
func ChangesOf(changes ...Change) *Changes {
	l := &Changes{}
	for i := range changes {
		l.Append(changes[i])
	}
	return l
}

// Len returns the number of changes.
func (l *Changes) Len() int { return l.n }

// Append adds a change.
func (l *Changes) Append(c Change) {
	p := pack(&c)
	if c.Op == 0 || p.unpack() != c {
		p = packedChange{spi: uint32(len(l.odd))}
		l.odd = append(l.odd, c)
	}
	l.add(p)
}

// Extend adds the changes of another list.
func (l *Changes) Extend(other *Changes) {
	for _, chunk := range other.chunks {
		for _, p := range chunk {
			if p.op == 0 {
				p.spi += uint32(len(l.odd))
			}
			l.add(p)
		}
	}
	l.odd = append(l.odd, other.odd...)
}

func (l *Changes) add(p packedChange) {
	at := l.n / changesChunk
	if at == len(l.chunks) {
		var chunk []packedChange
		if at > 0 {
			chunk = make([]packedChange, 0, changesChunk)
		}
		l.chunks = append(l.chunks, chunk)
	}
	l.chunks[at] = append(l.chunks[at], p)
	l.n++
}

// At returns the change at position i, counted from 0.
func (l *Changes) At(i int) Change {
	p := &l.chunks[i/changesChunk][i%changesChunk]
	if p.op == 0 {
		return l.odd[p.spi]
	}
	return p.unpack()
}

// All yields the changes and their positions.
func (l *Changes) All() iter.Seq2[int, Change] {
	return func(yield func(int, Change) bool) {
		for i := range l.n {
			if !yield(i, l.At(i)) {
				return
			}
		}
	}
}

// pack packs the fields that most changes have.
func pack(c *Change) packedChange {
	s := &c.Selector
	return packedChange{
		op: c.Op, family: s.Family(), saidFamily: FamilyOf(c.SAID.Dst), proto: s.Proto, saidProto: c.SAID.Proto,
		srcLen: uint8(s.Src.Bits() + 1), dstLen: uint8(s.Dst.Bits() + 1), srcPort: s.SrcPort, dstPort: s.DstPort, spi: c.SAID.SPI,
		src: addrBytes(s.Src.Addr()), dst: addrBytes(s.Dst.Addr()), saidDst: addrBytes(c.SAID.Dst),
	}
}

func (p *packedChange) unpack() Change {
	return Change{
		Op: p.op,
		Selector: Selector{
			Src: netip.PrefixFrom(bytesAddr(p.family, p.src), int(p.srcLen)-1), Dst: netip.PrefixFrom(bytesAddr(p.family, p.dst), int(p.dstLen)-1),
			Proto: p.proto, SrcPort: p.srcPort, DstPort: p.dstPort,
		},
		SAID: SAID{Proto: p.saidProto, SPI: p.spi, Dst: bytesAddr(p.saidFamily, p.saidDst)},
	}
}

// addrBytes returns the bytes of an address: IPv4 in the first four, zeros for the zero Addr.
func addrBytes(a netip.Addr) (b [16]byte) {
	switch {
	case a.Is4():
		v4 := a.As4()
		copy(b[:], v4[:])
	case a.Is6():
		b = a.As16()
	}
	return b
}

func bytesAddr(f Family, b [16]byte) netip.Addr {
	switch f {
	case Inet:
		return netip.AddrFrom4([4]byte(b[:]))
	case Inet6:
		return netip.AddrFrom16(b)
	}
	return netip.Addr{}
}
