// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

const testIfID = IfIDBase + 7

// tunnel returns a state as States returns it; the kernel has no such state.
func tunnel(spi uint32) State {
	return State{
		StateKey: StateKey{Proto: unix.IPPROTO_ESP, SPI: spi, Dst: netip.MustParseAddr("192.0.2.2")},
		Src:      netip.MustParseAddr("192.0.2.1"),
		Mode:     ModeTunnel,
		ReqID:    42,
		Inner:    IPv4 | IPv6,
	}
}

func mustPutPolicies(t *testing.T, h *Handle, s State, inner Families, wantChanged bool) {
	t.Helper()
	changed, err := h.putPolicies(s, testIfID, inner)
	if err != nil {
		t.Fatal(err)
	}
	if changed != wantChanged {
		t.Errorf("putPolicies(%s, %s) changed = %v, want %v", s.StateKey, inner, changed, wantChanged)
	}
}

func mustBound(t *testing.T, h *Handle) map[uint32]Binding {
	t.Helper()
	bound, err := h.Bound()
	if err != nil {
		t.Fatal(err)
	}
	return bound
}

// TestPutPolicies checks that the policy pins the state, is created once, is replaced in place by one for
// another state, and is deleted for a family that is no longer requested.
func TestPutPolicies(t *testing.T) {
	h := newNamespace(t)
	first, second := tunnel(0x135), tunnel(0x136)

	mustPutPolicies(t, h, first, IPv4|IPv6, true)
	policies := ip(t, "xfrm policy")
	for _, want := range []string{
		"src 0.0.0.0/0 dst 0.0.0.0/0", "src ::/0 dst ::/0", "dir out priority 1",
		"tmpl src 192.0.2.1 dst 192.0.2.2", "proto esp spi 0x00000135 reqid 42 mode tunnel", "if_id 0x65000007",
	} {
		if !strings.Contains(policies, want) {
			t.Errorf("no %q in\n%s", want, policies)
		}
	}
	mustPutPolicies(t, h, first, IPv4|IPv6, false)

	if b := mustBound(t, h)[testIfID]; !b.Pins(first, IPv4|IPv6) || b.Pins(first, IPv4) || b.Pins(second, IPv4|IPv6) {
		t.Errorf("binding %s does not pin just the first state", b.Families)
	}
	mustPutPolicies(t, h, second, IPv4|IPv6, true)
	if b := mustBound(t, h)[testIfID]; !b.Pins(second, IPv4|IPv6) {
		t.Error("binding does not pin the second state")
	}
	mustPutPolicies(t, h, second, IPv6, false)
	bound := mustBound(t, h)
	if b := bound[testIfID]; len(bound) != 1 || !b.Pins(second, IPv6) {
		t.Errorf("%d bindings, families %s; want one of IPv6", len(bound), b.Families)
	}
}

// TestPutPoliciesSilent checks that putPolicies sends no event to listeners if nothing changes.
func TestPutPoliciesSilent(t *testing.T) {
	h := newNamespace(t)
	mustPutPolicies(t, h, tunnel(0x135), IPv4|IPv6, true)
	monitor, err := nl.Subscribe(unix.NETLINK_XFRM, nl.XFRMNLGRP_POLICY, nl.XFRMNLGRP_SA)
	if err != nil {
		t.Fatal(err)
	}
	defer monitor.Close()
	mustPutPolicies(t, h, tunnel(0x135), IPv4|IPv6, false)
	mustPutPolicies(t, h, tunnel(0x135), IPv4, false) // deletes one: the only event
	events, _, err := monitor.Receive()
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 1 || events[0].Header.Type != nl.XFRM_MSG_DELPOLICY {
		t.Errorf("%d events, the first of type %#x; want one XFRM_MSG_DELPOLICY", len(events), events[0].Header.Type)
	}
}

// TestForeignPolicies checks that other programs' policies that differ only in the if_id are neither listed nor
// changed.
func TestForeignPolicies(t *testing.T) {
	h := newNamespace(t)
	tmpl := " tmpl src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x135 reqid 42 mode tunnel"
	for _, ifID := range []string{"", " if_id 0x64ffffff", " if_id 0x65040000", " if_id 0x1"} {
		ip(t, "xfrm policy add src 0.0.0.0/0 dst 0.0.0.0/0 dir out priority 1"+tmpl+ifID)
	}
	ip(t, "xfrm policy add src 10.0.0.0/8 dst 10.0.0.0/8 dir in"+tmpl)
	before := ip(t, "xfrm policy")

	mustPutPolicies(t, h, tunnel(0x135), IPv4|IPv6, true)
	if bound := mustBound(t, h); len(bound) != 1 || bound[testIfID].Families != IPv4|IPv6 {
		t.Errorf("Bound() = %v, want if_id %#x only", bound, testIfID)
	}
	said := eroute.SAID{Proto: eroute.ProtoESP, SPI: 0x135, Dst: netip.MustParseAddr("192.0.2.2")}
	for range 2 { // the second call has nothing to do
		if err := h.Unbind(said, testIfID, 0); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(before, ip(t, "xfrm policy")); diff != "" {
		t.Errorf("policies of others changed:\n%s", diff)
	}
	for _, ifID := range []uint32{0, 1, IfIDBase - 1, IfIDBase + MaxSAs} {
		if err := h.Unbind(said, ifID, 0); !errors.Is(err, ErrForeignIfID) {
			t.Errorf("Unbind of if_id %#x: %v, want ErrForeignIfID", ifID, err)
		}
		if _, err := h.Bind(said, ifID, IPv4); !errors.Is(err, ErrForeignIfID) {
			t.Errorf("Bind to if_id %#x: %v, want ErrForeignIfID", ifID, err)
		}
	}
}

// TestBindWithoutState checks that no policy exists after a Bind to an absent or larval state, not even one
// from before, and that a larval state is unchanged.
func TestBindWithoutState(t *testing.T) {
	for _, larval := range []bool{false, true} {
		for _, proto := range []uint8{eroute.ProtoESP, eroute.ProtoAH, eroute.ProtoComp, eroute.ProtoTun} {
			h := newNamespace(t)
			if larval {
				ip(t, "xfrm state allocspi src 192.0.2.1 dst 192.0.2.2 proto esp mode tunnel reqid 42 min 0x135 max 0x135")
			}
			before := ip(t, "xfrm state")
			mustPutPolicies(t, h, tunnel(0x135), IPv4|IPv6, true)

			said := eroute.SAID{Proto: proto, SPI: 0x135, Dst: netip.MustParseAddr("192.0.2.2")}
			if _, err := h.Bind(said, testIfID, IPv4|IPv6); !errors.Is(err, ErrNoState) {
				t.Errorf("Bind(%s), larval state: %v: %v, want ErrNoState", said, larval, err)
			}
			if bound := mustBound(t, h); len(bound) != 0 {
				t.Errorf("Bind(%s) left policies of %d if_ids", said, len(bound))
			}
			if diff := cmp.Diff(before, ip(t, "xfrm state")); diff != "" {
				t.Errorf("Bind(%s) changed states:\n%s", said, diff)
			}
			if states, err := h.States(); err != nil || len(states) != 0 {
				t.Errorf("States() = %v, %v; want none", states, err)
			}
		}
	}
}

// TestCountStates checks that larval states are counted too. The kernel tries as many random SPIs as its range
// has (xfrm_alloc_spi, net/xfrm/xfrm_state.c), so a small range may yield none.
func TestCountStates(t *testing.T) {
	h := newNamespace(t)
	for want := range 3 {
		if n, err := h.CountStates(); err != nil || n != want {
			t.Errorf("CountStates() = %d, %v; want %d", n, err, want)
		}
		ip(t, "xfrm state allocspi src 192.0.2.1 dst 192.0.2.2 proto esp mode tunnel min 0x1000 max 0x1fff")
	}
}

// TestBindStateGone checks that a state from States that was deleted since yields ErrNoState.
func TestBindStateGone(t *testing.T) {
	h := newNamespace(t)
	gone := tunnel(0x135)
	for _, ifID := range []uint32{0, testIfID} {
		gone.IfID = ifID
		if _, err := h.BindState(gone, testIfID, IPv4); !errors.Is(err, ErrNoState) {
			t.Errorf("BindState with if_id %#x: %v, want ErrNoState", ifID, err)
		}
		if bound := mustBound(t, h); len(bound) != 0 {
			t.Errorf("BindState left policies of %d if_ids", len(bound))
		}
	}
}

func TestBindMagic(t *testing.T) {
	h := newNamespace(t)
	if _, err := h.Bind(eroute.Pass, testIfID, IPv4); !errors.Is(err, ErrNoState) {
		t.Errorf("Bind(%s): %v, want ErrNoState", eroute.Pass, err)
	}
}
