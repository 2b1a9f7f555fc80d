// SPDX-License-Identifier: Apache-2.0

//go:build vm

package xfrm

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink/nl"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// TestVMPinned checks that the pinned state processes the packets, among other states to the same peer, and
// that a Bind to another SPI moves them.
func TestVMPinned(t *testing.T) {
	h := newNamespace(t)
	setUpPath(t)
	var saids []eroute.SAID
	for spi := uint32(0x300); spi < 0x304; spi++ {
		ip(t, fmt.Sprintf("xfrm state add %s proto esp spi %#x reqid 42 mode tunnel%s", v4, spi, gcm))
		saids = append(saids, eroute.SAID{Proto: eroute.ProtoESP, SPI: spi, Dst: netip.MustParseAddr("192.0.2.2")})
	}
	for i, said := range saids {
		if _, err := h.Bind(said, testIfID, IPv4); err != nil {
			t.Fatal(err)
		}
		send(t, "10.9.9.9", i+1)
	}
	for i, said := range saids {
		if n := packets(t, h, said); n != uint64(i+1) {
			t.Errorf("%s has taken %d packets, want %d", said, n, i+1)
		}
	}
}

// TestVMLarval checks that a larval state is unchanged until the key manager completes it, and that Bind works
// then.
func TestVMLarval(t *testing.T) {
	h := newNamespace(t)
	setUpPath(t)
	said := eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x135, Dst: netip.MustParseAddr("192.0.2.2")}
	ip(t, "xfrm state allocspi "+v4+"proto esp mode tunnel reqid 42 min 0x135 max 0x135")
	if _, err := h.Bind(said, testIfID, IPv4); !errors.Is(err, ErrNoState) {
		t.Fatalf("Bind to a larval state: %v, want ErrNoState", err)
	}
	ip(t, "xfrm state update "+v4+"proto esp spi 0x135 reqid 42 mode tunnel"+gcm)
	if _, err := h.Bind(said, testIfID, IPv4); err != nil {
		t.Fatal(err)
	}
	send(t, "10.9.9.9", 2)
	if n := packets(t, h, said); n != 2 {
		t.Errorf("the state has taken %d packets, want 2", n)
	}
}

// TestVMVanish checks that the policies of a deleted state are removed by the next Bind, and that the key
// manager can create it again, with another reqid.
func TestVMVanish(t *testing.T) {
	h := newNamespace(t)
	setUpPath(t)
	said := eroute.SAID{Proto: eroute.ProtoESP, SPI: 0x135, Dst: netip.MustParseAddr("192.0.2.2")}
	for reqID := range 3 {
		ip(t, fmt.Sprintf("xfrm state add %s proto esp spi 0x135 reqid %d mode tunnel%s", v4, reqID, gcm))
		if _, err := h.Bind(said, testIfID, IPv4); err != nil {
			t.Fatal(err)
		}
		send(t, "10.9.9.9", 1)
		if n := packets(t, h, said); n != 1 {
			t.Errorf("the state has taken %d packets, want 1", n)
		}
		ip(t, "xfrm state delete "+v4+"proto esp spi 0x135")
		if _, err := h.Bind(said, testIfID, IPv4); !errors.Is(err, ErrNoState) {
			t.Errorf("Bind without state: %v, want ErrNoState", err)
		}
		if left := ip(t, "xfrm policy"); left != "" {
			t.Errorf("policies left:\n%s", left)
		}
	}
}

// TestVMForeignIfID checks that another program's if_id is returned by Bind and restored, unless the state has
// been given another one since.
func TestVMForeignIfID(t *testing.T) {
	h := newNamespace(t)
	said := eroute.SAID{Proto: eroute.ProtoESP, SPI: 0x135, Dst: netip.MustParseAddr("192.0.2.2")}
	state := v4 + "proto esp spi 0x135 reqid 42 mode tunnel" + gcm
	ip(t, "xfrm state add "+state+" if_id 0x99")
	for _, want := range []uint32{0x99, 0} {
		if prev, err := h.Bind(said, testIfID, IPv4); err != nil || prev != want {
			t.Fatalf("Bind(%s) = %#x, %v, want %#x", said, prev, err, want)
		}
	}
	if prev, err := h.Bind(said, testIfID+1, IPv4); err != nil || prev != 0 {
		t.Errorf("Bind to another if_id of ours = %#x, %v, want 0", prev, err)
	}
	if err := h.Unbind(said, testIfID, 0x99); err != nil {
		t.Error(err)
	}
	if _, ifID := showState(t); ifID != "0x65000008" {
		t.Errorf("if_id %s after Unbind of another, want 0x65000008", ifID)
	}
	for range 2 {
		if err := h.Unbind(said, testIfID+1, 0x99); err != nil {
			t.Error(err)
		}
		if _, ifID := showState(t); ifID != "0x99" {
			t.Errorf("if_id %s after Unbind, want 0x99", ifID)
		}
	}
	if left := ip(t, "xfrm policy"); left != "" {
		t.Errorf("policies left:\n%s", left)
	}
	ip(t, "xfrm state flush")
	if err := h.Unbind(said, testIfID+1, 0x99); err != nil {
		t.Errorf("Unbind without state: %v", err)
	}
}

// TestVMUnsupported checks that states that our policies cannot use are refused with the reason and unchanged.
func TestVMUnsupported(t *testing.T) {
	h := newNamespace(t)
	ip(t, "xfrm state add "+v4+"proto esp spi 0x135 mode tunnel mark 5"+gcm)
	before, _ := showState(t)
	for _, proto := range []uint8{eroute.ProtoESP, eroute.ProtoTun} {
		said := eroute.SAID{Proto: proto, SPI: 0x135, Dst: netip.MustParseAddr("192.0.2.2")}
		_, err := h.Bind(said, testIfID, IPv4)
		if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "mark") {
			t.Errorf("Bind to a state with a mark: %v, want ErrUnsupported and why", err)
		}
		if _, err := h.Find(said); !errors.Is(err, ErrNoState) {
			t.Errorf("Find by key of a state with a mark: %v, want ErrNoState", err)
		}
		if _, err := h.State(said); !errors.Is(err, ErrUnsupported) {
			t.Errorf("State of a state with a mark: %v, want ErrUnsupported", err)
		}
		states, err := h.States()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := states.Find(said); !errors.Is(err, ErrUnsupported) {
			t.Errorf("Find of a state with a mark: %v, want ErrUnsupported", err)
		}
	}
	if after, ifID := showState(t); after != before || ifID != "" {
		t.Errorf("state changed, if_id %s", ifID)
	}
	// a state with the same SAID and no mark takes precedence
	ip(t, "xfrm state add "+v4+"proto esp spi 0x135 reqid 7 mode tunnel"+gcm)
	said := eroute.SAID{Proto: eroute.ProtoESP, SPI: 0x135, Dst: netip.MustParseAddr("192.0.2.2")}
	if _, err := h.Bind(said, testIfID, IPv4); err != nil {
		t.Error(err)
	}
	states, err := h.States()
	if s, found := states.Find(said); err != nil || found != nil || s.ReqID != 7 {
		t.Errorf("Find = %+v, %v, %v; want reqid 7", s, err, found)
	}
}

// TestVMInputOnly checks that an input-only state is not used for output.
func TestVMInputOnly(t *testing.T) {
	h := newNamespace(t)
	state := probeState(eroute.ProtoESP, IPv4)
	state.payload = appendAttribute(state.payload, nl.XFRMA_SA_DIR, []byte{dirIn})
	if err := h.change(state); err != nil {
		t.Fatal(err)
	}
	said := eroute.SAID{Proto: eroute.ProtoESP, SPI: 0x100, Dst: netip.MustParseAddr("192.0.2.2")}
	if _, err := h.Bind(said, testIfID, IPv4); !errors.Is(err, ErrNoState) {
		t.Errorf("Bind to a state for input: %v, want ErrNoState", err)
	}
	if states, err := h.States(); err != nil || len(states) != 0 {
		t.Errorf("States() = %v, %v; want none", states, err)
	}
}

// TestVMOutputOnly checks an output-only state, as newer key managers create them.
func TestVMOutputOnly(t *testing.T) {
	h := newNamespace(t)
	state := probeState(eroute.ProtoESP, IPv4)
	state.payload = appendAttribute(state.payload, nl.XFRMA_SA_DIR, []byte{2})
	if err := h.change(state); err != nil {
		t.Fatal(err)
	}
	said := eroute.SAID{Proto: eroute.ProtoESP, SPI: 0x100, Dst: netip.MustParseAddr("192.0.2.2")}
	if _, err := h.Bind(said, testIfID, IPv4); err != nil {
		t.Error(err)
	}
}

// TestVMBulk checks that a thousand states are found in one dump and bound, and that two dumps and no Bind
// suffice to see that everything is in place.
func TestVMBulk(t *testing.T) {
	const n = 1000
	h := newNamespace(t)
	var states []string
	for i := range n {
		states = append(states, fmt.Sprintf("xfrm state add src 192.0.2.1 dst 198.51.100.%d proto esp spi %#x reqid %d mode tunnel%s", i%200, 0x1000+i, i, gcm))
	}
	ipBatch(t, states)
	reconcile := func() (binds int) {
		states, err := h.States()
		if err != nil || len(states) != n {
			t.Fatalf("%d states, %v; want %d", len(states), err, n)
		}
		bound := mustBound(t, h)
		for key, s := range states {
			ifID := IfIDBase + key.SPI - 0x1000
			if s.IfID == ifID && bound[ifID].Pins(s, IPv4) {
				continue
			}
			if _, err := h.BindState(s, ifID, IPv4); err != nil {
				t.Fatal(err)
			}
			binds++
		}
		return binds
	}
	for _, want := range []int{n, 0} {
		start := time.Now()
		if binds := reconcile(); binds != want {
			t.Errorf("%d binds, want %d", binds, want)
		}
		t.Logf("%d states reconciled, %d binds, in %s", n, want, time.Since(start))
	}
	if bound := mustBound(t, h); len(bound) != n {
		t.Errorf("%d if_ids bound, want %d", len(bound), n)
	}
}

// TestVMESPAvailable checks that the probe finds ESP, and leaves nothing behind.
func TestVMESPAvailable(t *testing.T) {
	newNamespace(t)
	if ok, err := ESPAvailable(); !ok || err != nil {
		t.Errorf("ESPAvailable() = %v, %v, want true", ok, err)
	}
	if left := ip(t, "xfrm state"); left != "" {
		t.Errorf("states left:\n%s", left)
	}
}

// TestVMAvailable checks that this kernel supports all protocols over both families.
func TestVMAvailable(t *testing.T) {
	for _, proto := range []uint8{eroute.ProtoESP, eroute.ProtoAH, eroute.ProtoComp} {
		for _, family := range each {
			if ok, err := Available(proto, family); !ok || err != nil {
				t.Errorf("Available(%s, %s) = %v, %v, want true", ProtocolName(proto), family, ok, err)
			}
		}
	}
}

// TestVMIgnoresCPU checks that IgnoresCPU tells what the kernel does with a state that is bound to a CPU.
func TestVMIgnoresCPU(t *testing.T) {
	h := newNamespace(t)
	probe := probeState(eroute.ProtoESP, IPv4)
	const dirOut = 2 // XFRM_SA_DIR_OUT
	payload := appendAttribute(probe.payload, nl.XFRMA_SA_DIR, []byte{dirOut})
	if err := h.change(request{probe.msgType, appendUint32(payload, nl.XFRMA_SA_PCPU, 1)}); err != nil {
		t.Fatal(err)
	}
	s, err := h.State(eroute.SAID{Proto: eroute.ProtoESP, SPI: 0x100, Dst: probeEnds[IPv4][1]})
	if err != nil {
		t.Fatal(err)
	}
	ignores, err := IgnoresCPU()
	if err != nil || ignores == s.OneCPU || s.OneCPU && s.CPU != 1 {
		t.Errorf("the kernel ignores the CPU: %t, %v; the state is bound to one: %t, %d", ignores, err, s.OneCPU, s.CPU)
	}
	t.Logf("the kernel ignores the CPU: %t", ignores)
}
