// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"net/netip"

	"github.com/gopacket/gopacket/layers"
)

// IPComp is the IP protocol number of IPComp (RFC 3173), which gopacket lacks.
const IPComp layers.IPProtocol = 108

// Frames are the frames of a capture, in order.
type Frames []Frame

// Match selects frames by their outermost IP header. A zero field matches all; a frame that is not IP never
// matches.
type Match struct {
	Src, Dst         netip.Prefix
	Proto            layers.IPProtocol
	SrcPort, DstPort uint16
	SPI              uint32
	VLAN             uint16
	// Outgoing and Incoming, if set, allow only that direction.
	Outgoing, Incoming bool
}

// Only returns the prefix that contains only this address.
func Only(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// Matches reports whether a frame is selected.
func (m Match) Matches(f Frame) bool {
	if m.Outgoing && !f.Outgoing || m.Incoming && f.Outgoing {
		return false
	}
	h, ok := f.Header()
	return ok &&
		(!m.Src.IsValid() || m.Src.Contains(h.Src)) &&
		(!m.Dst.IsValid() || m.Dst.Contains(h.Dst)) &&
		(m.Proto == 0 || m.Proto == h.Proto) &&
		(m.SrcPort == 0 || m.SrcPort == h.SrcPort) &&
		(m.DstPort == 0 || m.DstPort == h.DstPort) &&
		(m.SPI == 0 || m.SPI == h.SPI) &&
		(m.VLAN == 0 || m.VLAN == h.VLAN)
}

// Select returns the frames that match, in order.
func (fs Frames) Select(m Match) Frames {
	var selected Frames
	for _, f := range fs {
		if m.Matches(f) {
			selected = append(selected, f)
		}
	}
	return selected
}

// Count counts the frames that match.
func (fs Frames) Count(m Match) int { return len(fs.Select(m)) }

// Containing counts the frames that contain these bytes anywhere, whose content is therefore in clear.
func (fs Frames) Containing(b []byte) int {
	n := 0
	for _, f := range fs {
		if f.Contains(b) {
			n++
		}
	}
	return n
}
