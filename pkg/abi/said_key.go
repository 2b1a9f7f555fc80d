// SPDX-License-Identifier: Apache-2.0

package abi

import (
	"crypto/sha256"
	"encoding/binary"
	"unsafe"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// SAIDKey is the key of an SA in the map of the SAs that eroutes name, eroute_said. Of a group Proto is groupProto, and
// SPI and Dst are a digest of its members.
type SAIDKey struct {
	Proto  uint8
	Family eroute.Family
	Pad    uint16
	SPI    uint32
	Dst    [16]byte
	Comp   uint32 // of a bundle: see eroute.Inner
	ESP    uint32
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

// groupProto is the protocol of the key of a group of SAs, which is reserved (IANA).
const groupProto = 255

// NewSAIDKey returns the key of an SA, or of a group of SAs.
func NewSAIDKey(s eroute.SAID) SAIDKey {
	if s.IsGroup() {
		sum := sha256.Sum256([]byte(s.String()))
		return SAIDKey{Proto: groupProto, SPI: binary.NativeEndian.Uint32(sum[16:]), Dst: [16]byte(sum[:])}
	}
	return SAIDKey{Proto: s.Proto, Family: eroute.FamilyOf(s.Dst), SPI: s.SPI, Dst: AddrBytes(s.Dst), Comp: s.Inner.Comp, ESP: s.Inner.ESP}
}

// IsBundle reports whether the key is that of a bundle.
func (k SAIDKey) IsBundle() bool { return k.Comp|k.ESP != 0 }

// IsGroup reports whether the key is that of a group.
func (k SAIDKey) IsGroup() bool { return k.Proto == groupProto }

// SAID returns the SA of a key, which must not be that of a group.
func (k SAIDKey) SAID() eroute.SAID {
	return eroute.SAID{
		Proto: k.Proto, SPI: k.SPI, Dst: BytesAddr(k.Family, k.Dst), Inner: eroute.Inner{Comp: k.Comp, ESP: k.ESP},
	}
}

// Refs returns the count of the eroutes of a family that name the SA.
func (v *SAIDValue) Refs(f eroute.Family) *uint32 {
	if f == eroute.Inet {
		return &v.Refs4
	}
	return &v.Refs6
}
