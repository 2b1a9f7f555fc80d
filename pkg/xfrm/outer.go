// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"encoding/binary"
	"sync"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/fib"
)

// Outer is what a state says of the packets that it makes, besides their addresses.
type Outer struct {
	Proto            uint8 // UDP or TCP if it wraps them in that; else 0
	SrcPort, DstPort uint16
	Mark             uint32 // output mark, for packets that had none
}

// Values of linux/udp.h.
const (
	encapESPInUDPNonIKE = 1 // UDP_ENCAP_ESPINUDP_NON_IKE
	encapESPInUDP       = 2 // UDP_ENCAP_ESPINUDP
	encapESPInTCP       = 7 // TCP_ENCAP_ESPINTCP
)

// setEncap reads a struct xfrm_encap_tmpl: type, source and destination port.
func (o *Outer) setEncap(b []byte) {
	if len(b) < 6 {
		return
	}
	switch binary.NativeEndian.Uint16(b) {
	case encapESPInUDPNonIKE, encapESPInUDP:
		o.Proto = unix.IPPROTO_UDP
	case encapESPInTCP:
		o.Proto = unix.IPPROTO_TCP
	}
	o.SrcPort, o.DstPort = binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint16(b[4:])
}

// Outgoing is what routing sees of the packets that a state makes, where XFRM looks for a route for
// them: in all modes but transport (xfrm_dst_lookup, net/xfrm/xfrm_policy.c).
func (s State) Outgoing() fib.Packet {
	p := fib.Packet{Src: s.Src, Dst: s.Dst, Mark: s.Outer.Mark}
	if !tellsProtocol() {
		return p
	}
	p.Proto = s.Proto
	if s.Outer.Proto != 0 {
		p.Proto, p.SrcPort, p.DstPort = s.Outer.Proto, s.Outer.SrcPort, s.Outer.DstPort
	}
	return p
}

// tellsProtocol tells whether XFRM asks routing with the protocol and the ports of the packets that it
// makes, as it does since Linux 6.12: kernels that do have a type for the question.
var tellsProtocol = sync.OnceValue(func() bool {
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return false
	}
	var params *btf.Struct
	return kernel.TypeByName("xfrm_dst_lookup_params", &params) == nil
})
