// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"unsafe"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

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

func newSAIDKey(s eroute.SAID) saidKey {
	return saidKey{Proto: s.Proto, Family: eroute.FamilyOf(s.Dst), SPI: s.SPI, Dst: addrBytes(s.Dst)}
}

func (k saidKey) said() eroute.SAID {
	return eroute.SAID{Proto: k.Proto, SPI: k.SPI, Dst: bytesAddr(k.Family, k.Dst)}
}

func (v *saidValue) refs(f eroute.Family) *uint32 {
	if f == eroute.Inet {
		return &v.Refs4
	}
	return &v.Refs6
}
