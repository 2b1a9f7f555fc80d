// SPDX-License-Identifier: Apache-2.0

package abi

import (
	"unsafe"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// SAIDKey is the key of an SA in the map of the SAs that eroutes name, eroute_said.
type SAIDKey struct {
	Proto  uint8
	Family eroute.Family
	Pad    uint16
	SPI    uint32
	Dst    [16]byte
}

// SAIDValue is its value.
type SAIDValue struct {
	Slot     uint32 // in eroute_sas
	Refs4    uint32 // IPv4 eroutes that name it
	Refs6    uint32 // IPv6 eroutes that name it
	PrevIfID uint32 // the if_id its state had before ours; 0: none
}

// Sizes in bytes.
const (
	SAIDKeySize   = uint32(unsafe.Sizeof(SAIDKey{}))
	SAIDValueSize = uint32(unsafe.Sizeof(SAIDValue{}))
)

// NewSAIDKey returns the key of an SA.
func NewSAIDKey(s eroute.SAID) SAIDKey {
	return SAIDKey{Proto: s.Proto, Family: eroute.FamilyOf(s.Dst), SPI: s.SPI, Dst: AddrBytes(s.Dst)}
}

// SAID returns the SA of a key.
func (k SAIDKey) SAID() eroute.SAID {
	return eroute.SAID{Proto: k.Proto, SPI: k.SPI, Dst: BytesAddr(k.Family, k.Dst)}
}

// Refs returns the count of the eroutes of a family that name the SA.
func (v *SAIDValue) Refs(f eroute.Family) *uint32 {
	if f == eroute.Inet {
		return &v.Refs4
	}
	return &v.Refs6
}
