// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// ErrNotIP is returned if the kernel program does not accept the bytes as an IP packet.
var ErrNotIP = errors.New("not an IP packet")

// Lookup returns the eroute that a packet matches, with its counters. It runs the kernel program on a frame
// made for the packet. Nothing is counted or changed.
func (t *Table) Lookup(p eroute.Packet) (eroute.Eroute, bool, error) {
	frame, err := newFrame(p)
	if err != nil {
		return eroute.Eroute{}, false, err
	}
	return t.lookupFrame(frame, p)
}

// IsOwnKeyExchange reports whether a packet that the gateway sends, from a key manager or from XFRM, is its own
// key exchange: by protocol and ports, and by source, which the program on the ipsec device checks in the same
// way. ifindex is that of the physical device; 0: none.
func (t *Table) IsOwnKeyExchange(p eroute.Packet, ifindex uint32) (bool, error) {
	frame, err := newFrame(p)
	if err != nil {
		return false, err
	}
	in, out := pinned.SKBContext{Ifindex: ifindex}, pinned.SKBContext{}
	if _, err := pinned.Run(t.lookup, frame, &in, &out); err != nil {
		return false, fmt.Errorf("run lookup program: %w", err)
	}
	return out.CB[bpf.ABILookupCbLOOKUP_LOCAL_IKE] != 0, nil
}

// lookupFrame returns the eroute that the packet of an Ethernet frame matches. p holds the frame's fields that
// selectors compare. Returns ErrNotIP if the program finds no IP packet.
func (t *Table) lookupFrame(frame []byte, p eroute.Packet) (eroute.Eroute, bool, error) {
	var in, out pinned.SKBContext
	ret, err := pinned.Run(t.lookup, frame, &in, &out)
	if err != nil {
		return eroute.Eroute{}, false, fmt.Errorf("run lookup program: %w", err)
	}
	status := bpf.ABILookupStatus(out.CB[bpf.ABILookupCbLOOKUP_STATUS])
	switch status {
	case bpf.ABILookupStatusLOOKUP_NONE:
		return eroute.Eroute{}, false, nil
	case bpf.ABILookupStatusLOOKUP_NOT_IP:
		return eroute.Eroute{}, false, ErrNotIP
	case bpf.ABILookupStatusLOOKUP_FOUND, bpf.ABILookupStatusLOOKUP_FLOW:
	default:
		return eroute.Eroute{}, false, fmt.Errorf("run lookup program: answer %d, status %d", ret, status)
	}
	s, err := matched(out.CB, p)
	if err != nil {
		return eroute.Eroute{}, false, err
	}
	if status == bpf.ABILookupStatusLOOKUP_FLOW {
		return t.lookupFlow(s)
	}
	value, exists, err := t.gen.Entry(s)
	if err != nil {
		return eroute.Eroute{}, false, err
	}
	if !exists || value.Id != out.CB[bpf.ABILookupCbLOOKUP_ID] {
		return eroute.Eroute{}, false, fmt.Errorf("run lookup program: what it found is not %v", s)
	}
	row, err := t.eroute(abi.Entry{Selector: s, Value: *value}, t.slotReader())
	return row, true, err
}

func (t *Table) lookupFlow(s eroute.Selector) (eroute.Eroute, bool, error) {
	flow, err := t.flow(s)
	if err != nil || flow == nil { // programs make flows and the relay ends them concurrently
		return eroute.Eroute{}, false, err
	}
	row, err := t.flowEroute(flowEntry{abi.NewFlowKey(s, t.generation()), *flow}, t.slotReader())
	return row, true, err
}

// matched builds the selector from the program's result and the packet.
func matched(cb [5]uint32, p eroute.Packet) (s eroute.Selector, err error) {
	lens := cb[bpf.ABILookupCbLOOKUP_PREFIXLENS]
	if s.Src, err = p.Src.Prefix(int(lens & 0xff)); err != nil {
		return s, err
	}
	if s.Dst, err = p.Dst.Prefix(int(lens >> 8 & 0xff)); err != nil {
		return s, err
	}
	switch shape := bpf.ABIErouteTuple(cb[bpf.ABILookupCbLOOKUP_TUPLE]); shape {
	case bpf.ABIErouteTupleTUPLE_SPORT_DPORT:
		s.Proto, s.SrcPort, s.DstPort = p.Proto, p.SrcPort, p.DstPort
	case bpf.ABIErouteTupleTUPLE_SPORT:
		s.Proto, s.SrcPort = p.Proto, p.SrcPort
	case bpf.ABIErouteTupleTUPLE_DPORT:
		s.Proto, s.DstPort = p.Proto, p.DstPort
	case bpf.ABIErouteTupleTUPLE_PROTO:
		s.Proto = p.Proto
	}
	return s, nil
}

const (
	ipv4Len  = 20
	ipv6Len  = 40
	portsLen = 8
)

// newFrame builds the smallest frame from which the parser reads this packet: headers, and eight bytes that
// begin with the ports. It is never sent, so checksums are omitted.
func newFrame(p eroute.Packet) ([]byte, error) {
	if !p.Src.IsValid() || p.Src.Is4() != p.Dst.Is4() || !p.Dst.IsValid() {
		return nil, eroute.ErrMixedFamilies
	}
	if p.Src.Is4() {
		return newFrame4(p), nil
	}
	return newFrame6(p), nil
}

func newFrame4(p eroute.Packet) []byte {
	frame := make([]byte, pinned.EthernetLen+ipv4Len+portsLen)
	binary.BigEndian.PutUint16(frame[12:], 0x0800)
	ip := frame[pinned.EthernetLen:]
	ip[0] = 0x45
	binary.BigEndian.PutUint16(ip[2:], ipv4Len+portsLen)
	ip[8], ip[9] = 64, p.Proto
	copyAddrs(ip[12:], p.Src, p.Dst)
	putPorts(ip[ipv4Len:], p)
	return frame
}

func newFrame6(p eroute.Packet) []byte {
	frame := make([]byte, pinned.EthernetLen+ipv6Len+portsLen)
	binary.BigEndian.PutUint16(frame[12:], 0x86dd)
	ip := frame[pinned.EthernetLen:]
	ip[0] = 0x60
	binary.BigEndian.PutUint16(ip[4:], portsLen)
	ip[6], ip[7] = p.Proto, 64
	copyAddrs(ip[8:], p.Src, p.Dst)
	putPorts(ip[ipv6Len:], p)
	return frame
}

func copyAddrs(to []byte, src, dst netip.Addr) {
	n := copy(to, src.AsSlice())
	copy(to[n:], dst.AsSlice())
}

func putPorts(to []byte, p eroute.Packet) {
	binary.BigEndian.PutUint16(to, p.SrcPort)
	binary.BigEndian.PutUint16(to[2:], p.DstPort)
}
