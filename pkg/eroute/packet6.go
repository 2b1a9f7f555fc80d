// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// IPv6 headers that can appear between the fixed header and the transport header.
const (
	extHopByHop = 0
	extRouting  = 43
	extFragment = 44
	extDestOpts = 60
	extMobility = 135
	extHIP      = 139
	extShim6    = 140
)

// maxExtHeaders is MAX_EXT_HEADERS of the kernel programs.
const maxExtHeaders = 8

// parsePacket6 reads the header of RFC 8200, section 3.
func parsePacket6(b []byte) (Packet, error) {
	if len(b) < 40 {
		return Packet{}, ErrNotIP
	}
	p := Packet{
		Src: netip.AddrFrom16([16]byte(b[8:24])),
		Dst: netip.AddrFrom16([16]byte(b[24:40])),
	}
	if payloadLen := int(binary.BigEndian.Uint16(b[4:6])); payloadLen != 0 {
		b = clip(b, 40+payloadLen)
	}
	p.followChain(b)
	return p, nil
}

// followChain skips the extension headers (RFC 8200, section 4; AH and ESP are protocols here) and sets
// protocol and ports. The protocol stays 0 if the chain is malformed, truncated or longer than [maxExtHeaders].
func (p *Packet) followChain(b []byte) {
	next, offset := b[6], 40
	for range maxExtHeaders {
		if !isExtHeader(next) {
			break
		}
		if next == extHopByHop && offset != 40 {
			return
		}
		if len(b) < offset+8 {
			return
		}
		header := b[offset:]
		size := 8 * (int(header[1]) + 1)
		if next == extFragment {
			size = 8
			if binary.BigEndian.Uint16(header[2:4])>>3 != 0 {
				p.setFragmentProto(header[0])
				return
			}
		}
		if len(b) < offset+size {
			return
		}
		next = header[0]
		offset += size
	}
	if isExtHeader(next) {
		return
	}
	p.Proto = next
	p.setPorts(b, offset)
}

// setFragmentProto sets the protocol of a fragment other than the first, which is known only from the next
// header field of its fragment header.
func (p *Packet) setFragmentProto(next uint8) {
	if !isExtHeader(next) {
		p.Proto = next
	}
}

func isExtHeader(next uint8) bool {
	return slices.Contains([]uint8{
		extHopByHop, extRouting, extFragment, extDestOpts, extMobility, extHIP, extShim6,
	}, next)
}
