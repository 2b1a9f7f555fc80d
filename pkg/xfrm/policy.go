// SPDX-License-Identifier: Apache-2.0

package xfrm

import "github.com/vishvananda/netlink/nl"

// Values of linux/xfrm.h that package nl does not have.
const (
	policyOut   = 1 // XFRM_POLICY_OUT
	actionAllow = 0 // XFRM_POLICY_ALLOW
)

// policyPriority is the priority of all our policies; only 0 takes precedence.
const policyPriority = 1

// policyID identifies a policy of one direction to the kernel; it has the fields in which ours differ.
type policyID struct {
	family  Families // one family
	ifID    uint32   // 0: none
	ifindex int32    // of the output device; 0: any
}

// policy is an out policy of the main type, with the fields in which ours can differ from another one.
type policy struct {
	policyID
	priority  uint32
	action    uint8
	templates int
	vec       [maxBundle]nl.XfrmUserTmpl // the first ones, innermost first
	narrow    bool                       // its selector or mark excludes packets
}

// selector returns a selector that matches all packets of the family, and of the device if there is one.
func (id policyID) selector() nl.XfrmSelector {
	return nl.XfrmSelector{Family: id.family.af(), Ifindex: id.ifindex}
}

// message builds the request that gets or deletes the policy (struct xfrm_userpolicy_id).
func (id policyID) message(msgType uint16) request {
	b := (&nl.XfrmUserpolicyId{Sel: id.selector(), Dir: policyOut}).Serialize()
	if id.ifID != 0 {
		b = appendUint32(b, nl.XFRMA_IF_ID, id.ifID)
	}
	return request{msgType, b}
}

// message builds the request that creates or replaces the policy (struct xfrm_userpolicy_info), with unlimited
// lifetime.
func (p policy) message(msgType uint16) request {
	info := nl.XfrmUserpolicyInfo{
		Sel: p.selector(),
		Lft: nl.XfrmLifetimeCfg{
			SoftByteLimit:   nl.XFRM_INF,
			HardByteLimit:   nl.XFRM_INF,
			SoftPacketLimit: nl.XFRM_INF,
			HardPacketLimit: nl.XFRM_INF,
		},
		Priority: p.priority,
		Dir:      policyOut,
		Action:   p.action,
	}
	b := info.Serialize()
	var vec []byte
	for i := range p.vec[:p.templates] {
		vec = append(vec, p.vec[i].Serialize()...)
	}
	if vec != nil {
		b = appendAttribute(b, nl.XFRMA_TMPL, vec)
	}
	if p.ifID != 0 {
		b = appendUint32(b, nl.XFRMA_IF_ID, p.ifID)
	}
	return request{msgType, b}
}
