// SPDX-License-Identifier: Apache-2.0

package xfrm

import "testing"

// TestHasInPolicies checks that only in and fwd policies with a template that is not optional count.
func TestHasInPolicies(t *testing.T) {
	const all = "xfrm policy add src 10.1.0.0/16 dst 10.2.0.0/16 "
	for policy, want := range map[string]bool{
		"dir out tmpl proto esp":          false,
		"dir in action allow":             false,
		"dir in tmpl proto esp level use": false,
		"dir in tmpl proto esp":           true,
		"dir fwd tmpl proto esp":          true,
	} {
		h := newNamespace(t)
		ip(t, all+policy)
		if has, err := h.HasInPolicies(); err != nil || has != want {
			t.Errorf("%s: %t, %v", policy, has, err)
		}
	}
}
