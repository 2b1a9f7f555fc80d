// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Acquire is a request to all key managers for an SA for a flow.
type Acquire struct {
	Flow   eroute.Selector // the flow that needs the SA
	Policy eroute.Selector // the trap that the flow belongs to
	Packet eroute.Packet   // a packet of the flow, as in the kernel's own ACQUIREs
	Params eroute.AcquireParams
	Seq    uint32
	// OneCPU requests an SA for packets on the CPU with the number CPU only, in addition to one for any CPU (RFC 9611).
	OneCPU bool
	CPU    uint32
}

// Acquire sends XFRM_MSG_ACQUIRE to the kernel, which forwards it to every listener (xfrm_add_acquire and
// xfrm_send_acquire, net/xfrm/xfrm_user.c). It does not report whether there is one.
func (h *Handle) Acquire(a Acquire) error {
	if err := h.change(a.message()); err != nil {
		return fmt.Errorf("send ACQUIRE: %w", err)
	}
	return nil
}

// message builds struct xfrm_user_acquire and one template.
func (a Acquire) message() request {
	dst := a.Params.Peer
	if !dst.IsValid() && a.Params.Mode == eroute.ModeTransport {
		dst = a.Packet.Dst
	}
	family := FamilyOf(a.Packet.Dst)
	if dst.IsValid() {
		family = FamilyOf(dst)
	}
	tmpl := nl.XfrmUserTmpl{
		XfrmId: nl.XfrmId{Daddr: toAddress(dst), Proto: a.Params.Proto},
		Family: family.af(),
		Reqid:  a.Params.ReqID,
		Mode:   uint8(a.Params.Mode),
		Aalgos: ^uint32(0),
		Ealgos: ^uint32(0),
		Calgos: ^uint32(0),
	}
	id := nl.XfrmId{Daddr: toAddress(a.Packet.Dst), Proto: a.Params.Proto}
	if dst.IsValid() {
		id.Daddr = toAddress(dst)
	}
	src := toAddress(a.Packet.Src)
	sel, policySel := selectorMessage(selectorOf(a.Packet)), selectorMessage(a.Policy)
	policy := nl.XfrmUserpolicyInfo{
		Sel: policySel,
		Lft: nl.XfrmLifetimeCfg{
			SoftByteLimit: nl.XFRM_INF, HardByteLimit: nl.XFRM_INF,
			SoftPacketLimit: nl.XFRM_INF, HardPacketLimit: nl.XFRM_INF,
		},
		Priority: policyPriority,
		Dir:      policyOut,
		Action:   actionAllow,
	}
	b := append([]byte(nil), id.Serialize()...)
	b = append(b, src[:]...)
	b = append(b, sel.Serialize()...)
	b = append(b, policy.Serialize()...)
	for range 3 { // aalgos, ealgos, calgos: any
		b = binary.NativeEndian.AppendUint32(b, ^uint32(0))
	}
	b = binary.NativeEndian.AppendUint32(b, a.Seq)
	b = appendAttribute(b, nl.XFRMA_TMPL, tmpl.Serialize())
	if a.OneCPU {
		b = appendUint32(b, nl.XFRMA_SA_PCPU, a.CPU)
	}
	return request{nl.XFRM_MSG_ACQUIRE, b}
}

// selectorOf returns a selector that matches only the packet's flow.
func selectorOf(p eroute.Packet) eroute.Selector {
	return eroute.Selector{
		Src: netip.PrefixFrom(p.Src, p.Src.BitLen()), Dst: netip.PrefixFrom(p.Dst, p.Dst.BitLen()),
		Proto: p.Proto, SrcPort: p.SrcPort, DstPort: p.DstPort,
	}
}

// selectorMessage returns a selector as struct xfrm_selector.
func selectorMessage(s eroute.Selector) nl.XfrmSelector {
	sel := nl.XfrmSelector{
		Daddr:      toAddress(s.Dst.Addr()),
		Saddr:      toAddress(s.Src.Addr()),
		Family:     FamilyOf(s.Src.Addr()).af(),
		PrefixlenD: uint8(s.Dst.Bits()),
		PrefixlenS: uint8(s.Src.Bits()),
		Proto:      s.Proto,
	}
	if s.DstPort != 0 {
		sel.Dport, sel.DportMask = nl.Swap16(s.DstPort), 0xffff
	}
	if s.SrcPort != 0 {
		sel.Sport, sel.SportMask = nl.Swap16(s.SrcPort), 0xffff
	}
	return sel
}
