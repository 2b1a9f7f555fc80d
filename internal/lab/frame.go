// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// Frame is one captured frame.
type Frame struct {
	// Time is when the kernel passed the frame to the device, or received it from there.
	Time time.Time
	// Outgoing reports that the device sent the frame.
	Outgoing bool
	// Link is the link type of Data: with an Ethernet header, including a VLAN tag, or (LinkTypeRaw) with an
	// IP header.
	Link layers.LinkType
	// Data is the unmodified frame. Checksums left to the device are not filled in.
	Data []byte
}

// Header is the content of a frame's outermost IP header and of the header directly after it.
type Header struct {
	Src, Dst netip.Addr
	// Proto is the IP protocol, for IPv6 the one after the extension headers.
	Proto layers.IPProtocol
	// SrcPort and DstPort are set for TCP and UDP, SPI for ESP, AH and (the CPI)
	// IPComp, all 0 in a fragment other than the first.
	SrcPort, DstPort uint16
	SPI              uint32
	// TTL is IPv4's time to live or IPv6's hop limit.
	TTL uint8
	// VLAN is the VLAN identifier, 0 without a tag.
	VLAN uint16
}

// Packet decodes the frame.
func (f Frame) Packet() gopacket.Packet {
	first := gopacket.Decoder(layers.LayerTypeEthernet)
	if f.Link == layers.LinkTypeRaw {
		first = layers.LayerTypeIPv4
		if len(f.Data) > 0 && f.Data[0]>>4 == 6 {
			first = layers.LayerTypeIPv6
		}
	}
	return gopacket.NewPacket(f.Data, first, gopacket.NoCopy)
}

// Header decodes the frame's outermost IP header. Returns false if it has none.
func (f Frame) Header() (Header, bool) {
	var h Header
	for _, layer := range f.Packet().Layers() {
		switch l := layer.(type) {
		case *layers.Dot1Q:
			h.VLAN = l.VLANIdentifier
		case *layers.IPv4:
			if h.Src.IsValid() {
				return h, true
			}
			h.Src, _ = netip.AddrFromSlice(l.SrcIP)
			h.Dst, _ = netip.AddrFromSlice(l.DstIP)
			h.TTL = l.TTL
			h.identify(l.Protocol, l.Payload, l.FragOffset == 0)
		case *layers.IPv6:
			if h.Src.IsValid() {
				return h, true
			}
			h.Src, _ = netip.AddrFromSlice(l.SrcIP)
			h.Dst, _ = netip.AddrFromSlice(l.DstIP)
			h.TTL = l.HopLimit
			h.identify(l.NextHeader, l.Payload, true)
		case *layers.IPv6HopByHop:
			h.identify(l.NextHeader, l.Payload, true)
		case *layers.IPv6Routing:
			h.identify(l.NextHeader, l.Payload, true)
		case *layers.IPv6Destination:
			h.identify(l.NextHeader, l.Payload, true)
		case *layers.IPv6Fragment:
			h.identify(l.NextHeader, l.Payload, l.FragmentOffset == 0)
		}
	}
	return h, h.Src.IsValid()
}

// Contains reports whether the frame contains these bytes anywhere.
func (f Frame) Contains(b []byte) bool { return bytes.Contains(f.Data, b) }
