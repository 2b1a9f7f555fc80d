// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"encoding/binary"

	"github.com/gopacket/gopacket/layers"
)

// identify sets the protocol that follows an IP header or an extension header, and, except for a later
// fragment, its ports or SPI.
func (h *Header) identify(proto layers.IPProtocol, payload []byte, first bool) {
	h.Proto = proto
	if !first {
		return
	}
	be := binary.BigEndian
	switch proto {
	case layers.IPProtocolTCP, layers.IPProtocolUDP:
		if len(payload) >= 4 {
			h.SrcPort, h.DstPort = be.Uint16(payload), be.Uint16(payload[2:])
		}
	case layers.IPProtocolESP: // RFC 4303 section 2
		if len(payload) >= 4 {
			h.SPI = be.Uint32(payload)
		}
	case layers.IPProtocolAH: // RFC 4302 section 2
		if len(payload) >= 8 {
			h.SPI = be.Uint32(payload[4:])
		}
	case IPComp: // RFC 3173 section 3
		if len(payload) >= 4 {
			h.SPI = uint32(be.Uint16(payload[2:]))
		}
	}
}
