// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Selector returns the selector of a policy's packets, or why no selector matches exactly these.
func Selector(p xfrm.Policy) (s eroute.Selector, err error) {
	switch {
	case p.Sub:
		return s, errors.New("policy type sub is not supported")
	case p.Mask != 0:
		return s, fmt.Errorf("marks (%#x/%#x) are not supported", p.Mark, p.Mask)
	case p.IfID != 0:
		return s, fmt.Errorf("it belongs to the XFRM interface with if_id %#x", p.IfID)
	case p.Ifindex != 0:
		return s, fmt.Errorf("it is restricted to the interface with index %d", p.Ifindex)
	case p.User != 0:
		return s, fmt.Errorf("it is restricted to user %d", p.User)
	case p.Context:
		return s, errors.New("it is restricted to a security context")
	case p.Offload:
		return s, errors.New("it is offloaded to hardware")
	case !p.Src.IsValid() || !p.Dst.IsValid():
		return s, errors.New("it has no address family")
	}
	s = eroute.Selector{Src: p.Src, Dst: p.Dst, Proto: p.Proto}
	if s.SrcPort, err = port(p.SrcPort, p.Proto); err != nil {
		return s, err
	}
	if s.DstPort, err = port(p.DstPort, p.Proto); err != nil {
		return s, err
	}
	return s, s.Validate()
}

// port returns the single port of a mask, 0 for all ports.
func port(p xfrm.PortMask, proto uint8) (uint16, error) {
	switch {
	case p.Mask == 0:
		return 0, nil
	case proto != eroute.ProtoTCP && proto != eroute.ProtoUDP:
		return 0, fmt.Errorf("it selects %d/%#x, but protocol %d has no ports (an ICMP type?)", p.Port, p.Mask, proto)
	case p.Mask != 0xffff:
		return 0, fmt.Errorf("ports %d/%#x are not supported: an eroute selects one port or all", p.Port, p.Mask)
	case p.Port == 0:
		return 0, errors.New("it selects port 0, which means any port in an eroute")
	}
	return p.Port, nil
}
