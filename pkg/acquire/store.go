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

// kept is a hold's first packet and its newest one, or what came between two SAs.
type kept struct {
	packets []packet
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

// How many packets are kept of one flow.
const (
	ofHold = 2   // the first and the newest
	ofGap  = 128 // between two SAs
)

// put keeps a packet behind those that are kept of the flow; of more than most the
// newest takes the place of the one before it. Returns false if there is no room, and
// then what was kept before stays.
func (s *store) put(flow eroute.Selector, p packet, most int, now time.Time) bool {
	h := s.holds[flow]
	if h == nil {
		h = &kept{since: now}
	}
	freed, last := 0, len(h.packets)-1
	if len(h.packets) >= most {
		freed = len(h.packets[last].bytes)
	} else if s.packets+1 > s.maxPackets {
		return false
	}
	if s.bytes-freed+len(p.bytes) > s.maxBytes {
		return false
	}
	s.bytes += len(p.bytes) - freed
	if len(h.packets) >= most {
		h.packets[last] = p
	} else {
		h.packets = append(h.packets, p)
		s.packets++
	}
	s.holds[flow] = h
	return true
}

// first returns the first packet that is kept of a flow, nil if there is none.
func (s *store) first(flow eroute.Selector) []byte {
	if h := s.holds[flow]; h != nil {
		return h.packets[0].bytes
	}
	return nil
}

// take returns a flow's packets, the first one first, and keeps them no longer.
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
