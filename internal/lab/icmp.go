// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/gopacket/gopacket/layers"
)

// ICMPError is an ICMP or ICMPv6 error message that a node received.
type ICMPError struct {
	// From is the sender of the message.
	From netip.Addr
	// Type and Code are those of RFC 792, or of RFC 4443 if From is IPv6.
	Type, Code uint8
	// MTU is the value of fragmentation needed and packet too big, in bytes.
	MTU int
	// Quoted is the quoted part of the packet that the message is about.
	Quoted []byte
}

// Is reports whether the message has this type and code.
func (e ICMPError) Is(typ, code uint8) bool { return e.Type == typ && e.Code == code }

// About decodes the IP header of the packet that the message is about.
func (e ICMPError) About() (Header, bool) { return e.quotedFrame().Header() }

func (e ICMPError) quotedFrame() Frame { return Frame{Link: layers.LinkTypeRaw, Data: e.Quoted} }

// quotedEcho returns the identifier and sequence number of the echo request that the message is about; false
// for another packet.
func (e ICMPError) quotedEcho() (id, seq uint16, ok bool) {
	for _, layer := range e.quotedFrame().Packet().Layers() {
		switch l := layer.(type) {
		case *layers.ICMPv4:
			return l.Id, l.Seq, l.TypeCode.Type() == layers.ICMPv4TypeEchoRequest
		case *layers.ICMPv6Echo:
			return l.Identifier, l.SeqNumber, true
		}
	}
	return 0, 0, false
}

// parseICMPError parses an ICMP message without its IP header. Returns false if it is no error message.
func parseICMPError(from netip.Addr, message []byte) (ICMPError, bool) {
	if len(message) < 8 {
		return ICMPError{}, false
	}
	e := ICMPError{From: from, Type: message[0], Code: message[1], Quoted: slices.Clone(message[8:])}
	if from.Is6() {
		if e.Type == layers.ICMPv6TypePacketTooBig {
			e.MTU = int(binary.BigEndian.Uint32(message[4:]))
		}
		return e, e.Type < layers.ICMPv6TypeEchoRequest // RFC 4443 section 2.1
	}
	if e.Is(layers.ICMPv4TypeDestinationUnreachable, layers.ICMPv4CodeFragmentationNeeded) {
		e.MTU = int(binary.BigEndian.Uint16(message[6:])) // RFC 1191 section 4
	}
	switch e.Type {
	case layers.ICMPv4TypeDestinationUnreachable, layers.ICMPv4TypeTimeExceeded, layers.ICMPv4TypeParameterProblem:
		return e, true
	}
	return e, false
}
