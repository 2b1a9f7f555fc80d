// SPDX-License-Identifier: Apache-2.0

package cost

import "github.com/ipsec-eroute/eroute/pkg/eroute"

// names are the protocols and ports that eroutes name.
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

// maxFlows is how many flows of a worst packet are made at most.
const maxFlows = 64

// flows returns packets that the table treats as one packet, each of another flow: no cached verdict is for two of
// them. It returns fewer than maxFlows if eroutes name the other ports and protocols.
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

// unnamed yields the protocols without ports that no eroute names, those for experiments (RFC 3692) first.
func (n *names) unnamed(yield func(uint8) bool) {
	for proto := 254; proto > 142; proto-- { // down to those that IANA has assigned
		if !n.protos[proto] && !yield(uint8(proto)) {
			return
		}
	}
}
