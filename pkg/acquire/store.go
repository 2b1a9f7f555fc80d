// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"time"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// packet is a stored packet of a hold.
type packet struct {
	bytes  []byte // starts with the IP header
	device int    // ifindex of the ipsec device
}

// storedPackets are the stored packets of a flow: a hold's first and newest packet, or those that arrived between two
// SAs.
type storedPackets struct {
	packets []packet
	most    int             // maximum number of packets
	trap    eroute.Selector // the flow's trap
	since   time.Time
}

// usage is the number of packets and their bytes.
type usage struct{ packets, bytes int }

// store holds the packets of all holds, bounded in number and bytes. A full store refuses packets; it never
// evicts those of another hold.
type store struct {
	usage
	maxPackets, maxBytes int
	holds                map[abi.FlowID]*storedPackets
	traps                map[eroute.Selector]usage
}

func newStore(maxPackets, maxBytes int) *store {
	return &store{
		maxPackets: maxPackets, maxBytes: maxBytes,
		holds: make(map[abi.FlowID]*storedPackets), traps: make(map[eroute.Selector]usage),
	}
}

// Maximum number of packets of one flow.
const (
	ofHold = 2   // the first and the newest
	ofGap  = 128 // between two SAs
)

// fairShare limits a trap to this multiple of the free space, so that other traps always find room.
const fairShare = 8

// put appends a packet to those of the flow. If the flow has most packets already, the new one replaces the
// newest. It returns false, and changes nothing, if there is no room.
func (s *store) put(flow abi.FlowID, trap eroute.Selector, p packet, most int, now time.Time) bool {
	h := s.holds[flow]
	if h == nil {
		h = &storedPackets{trap: trap, since: now}
	}
	more := usage{1, len(p.bytes)}
	last := len(h.packets) - 1
	full := len(h.packets) >= max(most, h.most)
	if full {
		more = usage{0, more.bytes - len(h.packets[last].bytes)}
	}
	if !s.fits(h.trap, more) {
		return false
	}
	h.most = max(most, h.most)
	if full {
		h.packets[last] = p
	} else {
		h.packets = append(h.packets, p)
	}
	s.add(h.trap, more)
	s.holds[flow] = h
	return true
}

func (s *store) fits(trap eroute.Selector, more usage) bool {
	own := s.traps[trap]
	fit := func(more, own, left int) bool { return more <= 0 || more <= left && own < fairShare*left }
	return fit(more.packets, own.packets, s.maxPackets-s.packets) && fit(more.bytes, own.bytes, s.maxBytes-s.bytes)
}

func (s *store) add(trap eroute.Selector, more usage) {
	own := s.traps[trap]
	own.packets += more.packets
	own.bytes += more.bytes
	s.traps[trap] = own
	if own.packets == 0 {
		delete(s.traps, trap)
	}
	s.packets += more.packets
	s.bytes += more.bytes
}

// first returns the first stored packet of a flow, or nil.
func (s *store) first(flow abi.FlowID) []byte {
	if h := s.holds[flow]; h != nil {
		return h.packets[0].bytes
	}
	return nil
}

// take removes and returns a flow's packets, oldest first.
func (s *store) take(flow abi.FlowID) []packet {
	h := s.holds[flow]
	if h == nil {
		return nil
	}
	delete(s.holds, flow)
	for _, p := range h.packets {
		s.add(h.trap, usage{-1, -len(p.bytes)})
	}
	return h.packets
}
