// SPDX-License-Identifier: Apache-2.0

package cost

import "github.com/ipsec-eroute/eroute/pkg/eroute"

// names holds the protocols and ports that eroutes name.
type names struct {
	protos [256]bool
	ports  map[uint16]bool
}

func namesOf(sources []*source) *names {
	n := &names{ports: map[uint16]bool{0: true}}
	for _, s := range sources {
		for _, e := range s.eroutes {
			n.protos[e.Proto], n.ports[e.SrcPort], n.ports[e.DstPort] = true, true, true
		}
	}
	return n
}

// maxFlows is the maximum number of flows generated for a worst packet.
const maxFlows = 64

// flows returns packets that the table treats like this one, each of a different flow: no two share a cached
// verdict. It returns fewer than maxFlows if eroutes name the other ports and protocols.
func (n *names) flows(p eroute.Packet) (all []eroute.Packet) {
	if p.Proto == eroute.ProtoTCP || p.Proto == eroute.ProtoUDP {
		for port := uint16(1024); port != 0 && len(all) < maxFlows; port++ {
			if !n.ports[port] {
				p.SrcPort, p.DstPort = port, port
				all = append(all, p)
			}
		}
		return all
	}
	for proto := range n.unnamed {
		if p.Proto = proto; len(all) == maxFlows {
			break
		}
		all = append(all, p)
	}
	return all
}

// unnamed yields the protocols without ports that no eroute names; those for experiments (RFC 3692) come first.
func (n *names) unnamed(yield func(uint8) bool) {
	for proto := 254; proto > 142; proto-- { // down to the highest assigned by IANA
		if !n.protos[proto] && !yield(uint8(proto)) {
			return
		}
	}
}
