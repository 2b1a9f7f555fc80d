// SPDX-License-Identifier: Apache-2.0

package lookup

import (
	"encoding/binary"
	"net/netip"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

const (
	ipv4Len  = 20
	ipv6Len  = 40
	portsLen = 8
)

// Frame builds the smallest frame from which the parser reads this packet: headers, and eight bytes that
// begin with the ports. It is never sent, so checksums are omitted.
func Frame(p eroute.Packet) ([]byte, error) {
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
