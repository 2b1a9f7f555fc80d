// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// selector returns which packets a policy is for, or why no eroute is for just these.
func selector(p xfrm.Policy) (s eroute.Selector, err error) {
	switch {
	case p.Sub:
		return s, errors.New("it is of type sub")
	case p.Mask != 0:
		return s, fmt.Errorf("it is for packets with mark %#x/%#x, and eroutes know no marks", p.Mark, p.Mask)
	case p.IfID != 0:
		return s, fmt.Errorf("it is for the XFRM interface with if_id %#x", p.IfID)
	case p.Ifindex != 0:
		return s, fmt.Errorf("it is for packets that leave by interface %d only", p.Ifindex)
	case p.User != 0:
		return s, fmt.Errorf("it is for packets of user %d only", p.User)
	case p.Context:
		return s, errors.New("it is for packets of one security context only")
	case p.Offload:
		return s, errors.New("it is the hardware's")
	case !p.Src.IsValid() || !p.Dst.IsValid():
		return s, errors.New("it is for no address family in particular")
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

// port returns the one port that is meant, 0 for all.
func port(p xfrm.PortMask, proto uint8) (uint16, error) {
	switch {
	case p.Mask == 0:
		return 0, nil
	case proto != eroute.ProtoTCP && proto != eroute.ProtoUDP:
		return 0, fmt.Errorf("it is for %d/%#x where protocol %d has no ports (an ICMP type?)", p.Port, p.Mask, proto)
	case p.Mask != 0xffff:
		return 0, fmt.Errorf("it is for ports %d/%#x, and eroutes have one or all", p.Port, p.Mask)
	case p.Port == 0:
		return 0, errors.New("it is for port 0, which an eroute takes for all")
	}
	return p.Port, nil
}
