// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"encoding/binary"
	"sync"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/fib"
)

// Outer are the properties, other than addresses, of the packets that a state creates.
type Outer struct {
	Proto            uint8 // UDP or TCP if it encapsulates them in that; else 0
	SrcPort, DstPort uint16
	Mark             uint32 // output mark, for packets that had none
}

// Values of linux/udp.h.
const (
	encapESPInUDPNonIKE = 1 // UDP_ENCAP_ESPINUDP_NON_IKE
	encapESPInUDP       = 2 // UDP_ENCAP_ESPINUDP
	encapESPInTCP       = 7 // TCP_ENCAP_ESPINTCP
)

// setEncap parses a struct xfrm_encap_tmpl: type, source and destination port.
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

// Outgoing returns the fields by which XFRM looks up a route for the packets that a state creates. XFRM does so
// in all modes except transport (xfrm_dst_lookup, net/xfrm/xfrm_policy.c).
func (s State) Outgoing() fib.Packet {
	p := fib.Packet{Src: s.Src, Dst: s.Dst, Mark: s.Outer.Mark}
	if !passesProtocol() {
		return p
	}
	p.Proto = s.Proto
	if s.Outer.Proto != 0 {
		p.Proto, p.SrcPort, p.DstPort = s.Outer.Proto, s.Outer.SrcPort, s.Outer.DstPort
	}
	return p
}

// passesProtocol reports whether XFRM's route lookup includes the protocol and ports of the packets that it
// creates, as since Linux 6.12. Those kernels have a type for the lookup's parameters.
var passesProtocol = sync.OnceValue(func() bool {
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return false
	}
	var params *btf.Struct
	return kernel.TypeByName("xfrm_dst_lookup_params", &params) == nil
})
