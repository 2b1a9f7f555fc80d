// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// pinned returns our policy that sends packets of a family to a state, after those under it.
func pinned(s State, ifID uint32, family Families) policy {
	p := policy{policyID: policyID{family: family, ifID: ifID}, priority: policyPriority, action: actionAllow}
	for i, part := range s.Bundle() {
		p.vec[i] = part.template()
		p.templates++
	}
	return p
}

// putPolicies makes the policies of ifID those for inner, pinned to the state. It reports whether one was
// created or replaced.
func (h *Handle) putPolicies(s State, ifID uint32, inner Families) (changed bool, err error) {
	for _, family := range each {
		want := pinned(s, ifID, family)
		have, there, err := h.getPolicy(want.policyID)
		switch {
		case err != nil:
			return changed, err
		case inner&family == 0 && there:
			err = h.deletePolicy(want.policyID)
		case inner&family != 0 && !(there && have == want):
			changed = true
			err = h.putPolicy(want)
		}
		if err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// getPolicy reads a policy. It returns false if there is none.
func (h *Handle) getPolicy(id policyID) (policy, bool, error) {
	msg, err := h.get(id.message(nl.XFRM_MSG_GETPOLICY), nl.XFRM_MSG_NEWPOLICY)
	if errors.Is(err, unix.ENOENT) {
		return policy{}, false, nil
	}
	if err != nil {
		return policy{}, false, fmt.Errorf("get %s policy: %w", id.family, err)
	}
	m, err := parsePolicy(msg)
	return m.policy(), true, err
}

// putPolicy installs a policy; it atomically replaces one with the same identity.
func (h *Handle) putPolicy(p policy) error {
	if err := h.change(p.message(nl.XFRM_MSG_UPDPOLICY)); err != nil {
		return fmt.Errorf("install %s policy: %w", p.family, err)
	}
	return nil
}

// deletePolicy removes a policy. A missing policy is no error.
func (h *Handle) deletePolicy(id policyID) error {
	err := h.change(id.message(nl.XFRM_MSG_DELPOLICY))
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("delete %s policy: %w", id.family, err)
	}
	return nil
}

// deletePolicies removes the policies of one of our if_ids.
func (h *Handle) deletePolicies(ifID uint32) error {
	for _, family := range each {
		if err := h.deletePolicy(policyID{family: family, ifID: ifID}); err != nil {
			return err
		}
	}
	return nil
}
