// SPDX-License-Identifier: Apache-2.0

package xfrm

// Binding describes the policies of one if_id.
type Binding struct {
	Families Families // those with a policy
	policies [len(each)]policy
}

// Pins reports whether the binding has policies for exactly the families in inner, and all of them pin the
// state. If so, and if the state has the if_id, Bind would change nothing.
func (b Binding) Pins(s State, inner Families) bool {
	if b.Families != inner {
		return false
	}
	for i, family := range each {
		if inner&family != 0 && b.policies[i] != pinned(s, b.policies[i].ifID, family) {
			return false
		}
	}
	return true
}

// Bound returns the policies of our if_ids, in one dump.
func (h *Handle) Bound() (map[uint32]Binding, error) {
	bound := map[uint32]Binding{}
	err := h.dumpPolicies(func(m *policyMessage) {
		if !m.isOut() || !ours(m.ifID) {
			return
		}
		p := m.policy()
		b := bound[p.ifID]
		b.Families |= p.family
		for i, family := range each {
			if family == p.family {
				b.policies[i] = p
			}
		}
		bound[p.ifID] = b
	})
	if err != nil {
		return nil, err
	}
	return bound, nil
}
