// SPDX-License-Identifier: Apache-2.0

package xfrm

import "slices"

// HasInPolicies reports whether there are in or fwd policies that refuse the packets that they select unless
// those arrived encrypted.
func (h *Handle) HasInPolicies() (has bool, err error) {
	err = h.dumpPolicies(func(m *policyMessage) {
		has = has || m.requiresSA()
	})
	return has, err
}

// requiresSA reports whether the policy is an in or fwd policy with a template that is not optional.
func (m *policyMessage) requiresSA() bool {
	if m.sub || Direction(m.Dir) != In && Direction(m.Dir) != Forward {
		return false
	}
	return slices.ContainsFunc(m.whole().Templates, func(t Template) bool { return !t.Optional })
}
