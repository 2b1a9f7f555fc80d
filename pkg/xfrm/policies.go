// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
)

// Direction is a policy's direction: XFRM_POLICY_ of linux/xfrm.h.
type Direction uint8

// The directions. Policies of sockets have numbers from SocketIn up.
const (
	In       Direction = 0
	Out      Direction = 1
	Forward  Direction = 2
	SocketIn Direction = 3
)

// Policy is a policy as the kernel reports it, of any direction and owner.
type Policy struct {
	Dir        Direction
	Src, Dst   netip.Prefix // invalid if the policy has no family
	Proto      uint8        // 0: all
	SrcPort    PortMask
	DstPort    PortMask
	Ifindex    int32 // of the output device; 0: any
	User       uint32
	Priority   uint32 // the smallest takes precedence
	Block      bool
	Templates  []Template // innermost first
	IfID       uint32
	Mark, Mask uint32
	Sub        bool // not of the main type
	Context    bool // for packets of one security context (LSM) only
	Offload    bool // offloaded to hardware
	Ends       bool // it has a lifetime
	ours       bool
}

// PortMask are the ports that equal Port under Mask; both in host byte order.
type PortMask struct{ Port, Mask uint16 }

// Template are a policy's requirements for an SA.
type Template struct {
	Src, Dst netip.Addr // unspecified: those of the packet
	Proto    uint8
	Mode     Mode
	ReqID    uint32 // 0: any
	SPI      uint32 // host byte order; 0: any
	Optional bool   // packets bypass it if there is no such SA
}

// Ours reports whether this package made the policy.
func (p Policy) Ours() bool { return p.ours }

// Policies returns all policies, in the kernel's order.
func (h *Handle) Policies() ([]Policy, error) {
	var all []Policy
	err := h.dumpPolicies(func(m *policyMessage) { all = append(all, m.whole()) })
	if err != nil {
		return nil, err
	}
	return all, nil
}

// dumpPolicies calls f for each policy, in the kernel's order.
func (h *Handle) dumpPolicies(f func(*policyMessage)) error {
	err := h.dump(request{msgType: nl.XFRM_MSG_GETPOLICY}, nl.XFRM_MSG_NEWPOLICY, func(msg []byte) error {
		m, err := parsePolicy(msg)
		if err == nil {
			f(&m)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("dump policies: %w", err)
	}
	return nil
}

// whole returns all fields.
func (m *policyMessage) whole() Policy {
	sel := m.Sel
	p := Policy{
		Dir:   Direction(m.Dir),
		Src:   netip.PrefixFrom(fromAddress(sel.Saddr, sel.Family), int(sel.PrefixlenS)).Masked(),
		Dst:   netip.PrefixFrom(fromAddress(sel.Daddr, sel.Family), int(sel.PrefixlenD)).Masked(),
		Proto: sel.Proto, SrcPort: portMask(sel.Sport, sel.SportMask), DstPort: portMask(sel.Dport, sel.DportMask),
		Ifindex: sel.Ifindex, User: sel.User, Priority: m.Priority, Block: m.Action != actionAllow,
		IfID: m.ifID, Mark: m.mark, Mask: m.mask,
		Sub: m.sub, Context: m.context, Offload: m.offload, Ends: ends(m.Lft),
	}
	for i := range m.templates {
		p.Templates = append(p.Templates, templateOf(&m.templates[i]))
	}
	brief := m.policy()
	p.ours = ours(m.ifID) || brief == allow(int(sel.Ifindex), brief.family) && sel.Ifindex != 0
	return p
}

func portMask(port, mask uint16) PortMask { return PortMask{nl.Swap16(port), nl.Swap16(mask)} }

// ends reports whether a lifetime has a hard limit.
func ends(l nl.XfrmLifetimeCfg) bool {
	return finite(l.HardByteLimit) != 0 || finite(l.HardPacketLimit) != 0 ||
		l.HardAddExpiresSeconds != 0 || l.HardUseExpiresSeconds != 0
}

func templateOf(t *nl.XfrmUserTmpl) Template {
	return Template{
		Src: fromAddress(t.Saddr, t.Family), Dst: fromAddress(t.XfrmId.Daddr, t.Family), Proto: t.XfrmId.Proto,
		Mode: Mode(t.Mode), ReqID: t.Reqid, SPI: hton32(t.XfrmId.Spi), Optional: t.Optional != 0,
	}
}
