// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"fmt"

	"github.com/vishvananda/netlink/nl"
)

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

// policy is an out policy of the main type, with the fields that matter here.
type policy struct {
	policyID
	priority  uint32
	action    uint8
	templates int
	template  nl.XfrmUserTmpl // the first one
	narrow    bool            // its selector or mark excludes packets
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
	if p.templates == 1 {
		b = appendAttribute(b, nl.XFRMA_TMPL, p.template.Serialize())
	}
	if p.ifID != 0 {
		b = appendUint32(b, nl.XFRMA_IF_ID, p.ifID)
	}
	return request{msgType, b}
}

// parsePolicy parses a policy from a dump. It returns false for one that is not an out policy of the main type,
// and ErrMessage if the message is truncated.
func parsePolicy(msg []byte) (policy, bool, error) {
	if len(msg) < nl.SizeofXfrmUserpolicyInfo {
		return policy{}, false, fmt.Errorf("parse policy of %d bytes: %w", len(msg), ErrMessage)
	}
	info := nl.DeserializeXfrmUserpolicyInfo(msg)
	attrs, err := parseAttributes(msg[nl.SizeofXfrmUserpolicyInfo:])
	if err != nil {
		return policy{}, false, fmt.Errorf("parse policy: %w", err)
	}
	p := policy{
		policyID: policyID{family: familiesFromAF(info.Sel.Family), ifindex: info.Sel.Ifindex},
		priority: info.Priority,
		action:   info.Action,
	}
	p.narrow = info.Sel != p.selector()
	mainType := true
	for _, a := range attrs {
		switch a.kind {
		case nl.XFRMA_TMPL:
			p.templates = len(a.data) / nl.SizeofXfrmUserTmpl
			p.template = nl.XfrmUserTmpl{}
			if p.templates > 0 {
				p.template = *nl.DeserializeXfrmUserTmpl(a.data)
			}
		case nl.XFRMA_IF_ID:
			p.ifID = a.uint32()
		case nl.XFRMA_POLICY_TYPE:
			mainType = len(a.data) > 0 && a.data[0] == 0
		case nl.XFRMA_MARK:
			p.narrow = true
		}
	}
	return p, mainType && info.Dir == policyOut, nil
}
