// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// rowKey is an eroute's key in the trie of its family: *bpf.ABIErouteKey4 or *bpf.ABIErouteKey6.
type rowKey any

// srcKey is a source prefix's key in the trie of its family.
type srcKey any

// bePort puts a port into the byte order of the packet.
func bePort(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}

// newRowKey returns the key that names exactly this selector.
func newRowKey(s eroute.Selector) rowKey {
	if s.Src.Addr().Is4() {
		k := rowKey4(s)
		return &k
	}
	k := rowKey6(s)
	return &k
}

func rowKey4(s eroute.Selector) bpf.ABIErouteKey4 {
	return bpf.ABIErouteKey4{
		Prefixlen:   uint32(bpf.ABILimitsKEY4FIXED_BITS) + uint32(s.Dst.Bits()),
		Src:         s.Src.Addr().As4(),
		SrcHostbits: uint8(32 - s.Src.Bits()),
		Proto:       s.Proto,
		Sport:       bePort(s.SrcPort),
		Dport:       bePort(s.DstPort),
		Dst:         s.Dst.Addr().As4(),
	}
}

func rowKey6(s eroute.Selector) bpf.ABIErouteKey6 {
	return bpf.ABIErouteKey6{
		Prefixlen:   uint32(bpf.ABILimitsKEY6FIXED_BITS) + uint32(s.Dst.Bits()),
		Src:         s.Src.Addr().As16(),
		SrcHostbits: uint8(128 - s.Src.Bits()),
		Proto:       s.Proto,
		Sport:       bePort(s.SrcPort),
		Dport:       bePort(s.DstPort),
		Dst:         s.Dst.Addr().As16(),
	}
}

func newSrcKey(p netip.Prefix) srcKey {
	if p.Addr().Is4() {
		k := srcKey4(p)
		return &k
	}
	k := srcKey6(p)
	return &k
}

func srcKey4(p netip.Prefix) bpf.ABISrcKey4 {
	return bpf.ABISrcKey4{Prefixlen: uint32(p.Bits()), Addr: p.Addr().As4()}
}

func srcKey6(p netip.Prefix) bpf.ABISrcKey6 {
	return bpf.ABISrcKey6{Prefixlen: uint32(p.Bits()), Addr: p.Addr().As16()}
}

func selector4(k *bpf.ABIErouteKey4) eroute.Selector {
	return eroute.Selector{
		Src:     netip.PrefixFrom(netip.AddrFrom4(k.Src), 32-int(k.SrcHostbits)),
		Dst:     netip.PrefixFrom(netip.AddrFrom4(k.Dst), int(k.Prefixlen)-int(bpf.ABILimitsKEY4FIXED_BITS)),
		Proto:   k.Proto,
		SrcPort: bePort(k.Sport),
		DstPort: bePort(k.Dport),
	}
}

func selector6(k *bpf.ABIErouteKey6) eroute.Selector {
	return eroute.Selector{
		Src:     netip.PrefixFrom(netip.AddrFrom16(k.Src), 128-int(k.SrcHostbits)),
		Dst:     netip.PrefixFrom(netip.AddrFrom16(k.Dst), int(k.Prefixlen)-int(bpf.ABILimitsKEY6FIXED_BITS)),
		Proto:   k.Proto,
		SrcPort: bePort(k.Sport),
		DstPort: bePort(k.Dport),
	}
}

// shape tells which of protocol and ports a selector names.
func shape(s eroute.Selector) bpf.ABIErouteTuple {
	switch {
	case s.SrcPort != 0 && s.DstPort != 0:
		return bpf.ABIErouteTupleTUPLE_SPORT_DPORT
	case s.SrcPort != 0:
		return bpf.ABIErouteTupleTUPLE_SPORT
	case s.DstPort != 0:
		return bpf.ABIErouteTupleTUPLE_DPORT
	case s.Proto != 0:
		return bpf.ABIErouteTupleTUPLE_PROTO
	}
	return bpf.ABIErouteTupleTUPLE_ANY
}

// saidKey names an SA in the map of SAs that have eroutes.
type saidKey struct {
	Proto  uint8
	Family eroute.Family
	Pad    uint16
	SPI    uint32
	Dst    [16]byte
}

// saidValue is what is kept of an SA that has eroutes.
type saidValue struct {
	Slot     uint32 // in eroute_sas
	Refs4    uint32 // IPv4 eroutes that name it
	Refs6    uint32 // IPv6 eroutes that name it
	PrevIfID uint32 // the if_id its state had before ours; 0: none
}

const (
	saidKeySize   = uint32(unsafe.Sizeof(saidKey{}))
	saidValueSize = uint32(unsafe.Sizeof(saidValue{}))
)

func addrBytes(a netip.Addr) (b [16]byte) {
	copy(b[:], a.AsSlice())
	return b
}

func bytesAddr(f eroute.Family, b [16]byte) netip.Addr {
	if f == eroute.Inet {
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.AddrFrom16(b)
}

func newSAIDKey(s eroute.SAID) saidKey {
	return saidKey{Proto: s.Proto, Family: eroute.FamilyOf(s.Dst), SPI: s.SPI, Dst: addrBytes(s.Dst)}
}

func (k saidKey) said() eroute.SAID {
	return eroute.SAID{Proto: k.Proto, SPI: k.SPI, Dst: bytesAddr(k.Family, k.Dst)}
}

// newRowValue returns an eroute's value; sa is the slot of its SA, 0 for a magic SAID.
func newRowValue(s eroute.Selector, said eroute.SAID, id, sa uint32) bpf.ABIErouteValue {
	return bpf.ABIErouteValue{Id: id, Sa: sa, Action: uint8(said.Action()), DstPrefixlen: uint8(s.Dst.Bits())}
}

func rowAction(v *bpf.ABIErouteValue) eroute.Action { return eroute.Action(v.Action) }
