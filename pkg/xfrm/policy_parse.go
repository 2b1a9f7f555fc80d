// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"encoding/binary"
	"fmt"

	"github.com/vishvananda/netlink/nl"
)

// policyMessage is a policy from the kernel: a struct xfrm_userpolicy_info and its attributes.
type policyMessage struct {
	nl.XfrmUserpolicyInfo
	templates  []nl.XfrmUserTmpl // innermost first
	ifID       uint32            // 0: none
	mark, mask uint32
	hasMark    bool // it has the attribute, maybe with mark 0
	sub        bool // not of the main type
	context    bool // has a security context (LSM)
	offload    bool // offloaded to hardware
}

// parsePolicy parses a policy from a dump. It returns ErrMessage if the message is truncated.
func parsePolicy(msg []byte) (policyMessage, error) {
	if len(msg) < nl.SizeofXfrmUserpolicyInfo {
		return policyMessage{}, fmt.Errorf("parse policy of %d bytes: %w", len(msg), ErrMessage)
	}
	attrs, err := parseAttributes(msg[nl.SizeofXfrmUserpolicyInfo:])
	if err != nil {
		return policyMessage{}, fmt.Errorf("parse policy: %w", err)
	}
	m := policyMessage{XfrmUserpolicyInfo: *nl.DeserializeXfrmUserpolicyInfo(msg)}
	for _, a := range attrs {
		switch a.kind {
		case nl.XFRMA_TMPL:
			m.templates = parseTemplates(a.data)
		case nl.XFRMA_IF_ID:
			m.ifID = a.uint32()
		case nl.XFRMA_MARK: // struct xfrm_mark: value, mask
			m.hasMark = true
			if len(a.data) >= 8 {
				m.mark, m.mask = a.uint32(), binary.NativeEndian.Uint32(a.data[4:])
			}
		case nl.XFRMA_POLICY_TYPE:
			m.sub = len(a.data) == 0 || a.data[0] != 0
		case nl.XFRMA_SEC_CTX:
			m.context = true
		case nl.XFRMA_OFFLOAD_DEV:
			m.offload = true
		}
	}
	return m, nil
}

// parseTemplates parses an array of struct xfrm_user_tmpl.
func parseTemplates(b []byte) (all []nl.XfrmUserTmpl) {
	for ; len(b) >= nl.SizeofXfrmUserTmpl; b = b[nl.SizeofXfrmUserTmpl:] {
		all = append(all, *nl.DeserializeXfrmUserTmpl(b))
	}
	return all
}

// isOut reports whether it is an out policy of the main type.
func (m *policyMessage) isOut() bool { return !m.sub && m.Dir == policyOut }

// policy returns the fields that are compared with our policies.
func (m *policyMessage) policy() policy {
	p := policy{
		policyID:  policyID{family: familiesFromAF(m.Sel.Family), ifID: m.ifID, ifindex: m.Sel.Ifindex},
		priority:  m.Priority,
		action:    m.Action,
		templates: len(m.templates),
	}
	p.narrow = m.hasMark || m.Sel != p.selector()
	copy(p.vec[:], m.templates)
	return p
}
