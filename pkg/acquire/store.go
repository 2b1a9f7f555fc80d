// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// packet is one that a hold keeps.
type packet struct {
	bytes  []byte // from its IP header on
	device int    // ifindex of the ipsec device
}

// kept is a hold's first packet and its newest one.
type kept struct {
	packets []packet // two at the most
	since   time.Time
}

// store keeps the packets of all holds, bounded in number and bytes. A full store
// refuses packets; it never gives up those of another hold.
type store struct {
	maxPackets, maxBytes int
	packets, bytes       int
	holds                map[eroute.Selector]*kept
}

func newStore(maxPackets, maxBytes int) *store {
	return &store{maxPackets: maxPackets, maxBytes: maxBytes, holds: make(map[eroute.Selector]*kept)}
}

// put keeps a packet as the hold's first, or in place of its newest one. Returns false
// if there is no room, and then what was kept before stays.
func (s *store) put(flow eroute.Selector, p packet, now time.Time) bool {
	h := s.holds[flow]
	if h == nil {
		h = &kept{since: now}
	}
	freed := 0
	if len(h.packets) == 2 {
		freed = len(h.packets[1].bytes)
	} else if s.packets+1 > s.maxPackets {
		return false
	}
	if s.bytes-freed+len(p.bytes) > s.maxBytes {
		return false
	}
	s.bytes += len(p.bytes) - freed
	if len(h.packets) == 2 {
		h.packets[1] = p
	} else {
		h.packets = append(h.packets, p)
		s.packets++
	}
	s.holds[flow] = h
	return true
}

// take returns a hold's packets, first then newest, and keeps them no longer.
func (s *store) take(flow eroute.Selector) []packet {
	h := s.holds[flow]
	if h == nil {
		return nil
	}
	delete(s.holds, flow)
	for _, p := range h.packets {
		s.packets--
		s.bytes -= len(p.bytes)
	}
	return h.packets
}
