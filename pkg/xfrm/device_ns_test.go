// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"errors"
	"strings"
	"testing"
)

// TestAllowDevice checks that the two policies are installed once and removed, and that other policies stay.
func TestAllowDevice(t *testing.T) {
	h := newNamespace(t)
	ip(t, "xfrm policy add src 0.0.0.0/0 dst 0.0.0.0/0 dir out priority 1")
	before := ip(t, "xfrm policy")
	for range 2 {
		if err := h.AllowDevice(1); err != nil {
			t.Fatal(err)
		}
	}
	policies := ip(t, "xfrm policy")
	for _, want := range []string{"src 0.0.0.0/0 dst 0.0.0.0/0 dev lo", "src ::/0 dst ::/0 dev lo"} {
		if strings.Count(policies, want) != 1 {
			t.Errorf("not one %q in\n%s", want, policies)
		}
	}
	if bound := mustBound(t, h); len(bound) != 0 {
		t.Errorf("Bound() lists %d if_ids, want none", len(bound))
	}
	for range 2 {
		if err := h.DisallowDevice(1); err != nil {
			t.Fatal(err)
		}
	}
	if after := ip(t, "xfrm policy"); after != before {
		t.Errorf("policies afterwards:\n%swant\n%s", after, before)
	}
}

// TestAllowDeviceForeign checks that another program's policy for the device is an error, and stays.
func TestAllowDeviceForeign(t *testing.T) {
	for _, kind := range []string{"action block priority 1", "priority 2"} {
		h := newNamespace(t)
		ip(t, "xfrm policy add src 0.0.0.0/0 dst 0.0.0.0/0 dev lo dir out "+kind)
		before := ip(t, "xfrm policy")
		if err := h.AllowDevice(1); !errors.Is(err, ErrForeignPolicy) {
			t.Errorf("AllowDevice next to %q: %v, want ErrForeignPolicy", kind, err)
		}
		if err := h.DisallowDevice(1); err != nil {
			t.Error(err)
		}
		if after := ip(t, "xfrm policy"); after != before {
			t.Errorf("policies afterwards:\n%swant\n%s", after, before)
		}
	}
}
