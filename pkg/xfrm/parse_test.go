// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vishvananda/netlink/nl"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

var compareStates = cmp.Options{cmp.AllowUnexported(State{}), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})}

func TestParseState(t *testing.T) {
	peer4, peer6 := netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::2")
	own4, own6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	natT := Outer{Proto: 17, SrcPort: 4500, DstPort: 4500, Mark: 7}
	for name, want := range map[string]State{
		"state-esp":         {StateKey: StateKey{50, 0x135, peer4}, Src: own4, Mode: ModeTunnel, ReqID: 42, IfID: 0x99, Inner: IPv4 | IPv6, Outer: natT},
		"state-esp-used":    {StateKey: StateKey{50, 0x135, peer4}, Src: own4, Mode: ModeTunnel, ReqID: 42, IfID: testIfID, Packets: 1, Bytes: 34, Inner: IPv4 | IPv6, Outer: natT},
		"state-ah-esn-mark": {StateKey: StateKey{51, 0x80000135, peer6}, Src: own6, Mode: ModeTransport, ReqID: 3, Inner: IPv6, flaw: flawMark},
		"state-comp":        {StateKey: StateKey{108, 0x200, peer4}, Src: own4, Mode: ModeTunnel, ReqID: 4, Inner: IPv4},
		"state-ipip":        {StateKey: StateKey{4, 0xc0000201, peer4}, Src: own4, Mode: ModeTunnel, Inner: IPv4, idle: true},
		"state-larval":      {StateKey: StateKey{50, 0x135, peer4}, Src: own4, Mode: ModeTunnel, ReqID: 42, Inner: IPv4 | IPv6, idle: true},
	} {
		got, err := parseState(readHex(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got.Added == 0 {
			t.Errorf("%s: no time", name)
		}
		want.Added = got.Added
		if diff := cmp.Diff(want, got.State, compareStates); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// TestUsable checks the attributes that make a state unusable.
func TestUsable(t *testing.T) {
	base := readHex(t, "state-esp")
	for _, test := range []struct {
		kind uint16
		data []byte
		want error
	}{
		{nl.XFRMA_UNSPEC, nil, nil},
		{nl.XFRMA_SA_DIR, []byte{2}, nil},
		{nl.XFRMA_SA_DIR, []byte{1}, ErrNoState},
		{nl.XFRMA_MARK, []byte{0, 0, 0, 0, 0xff, 0, 0, 0}, nil},
		{nl.XFRMA_MARK, []byte{5, 0, 0, 0, 0xff, 0, 0, 0}, ErrUnsupported},
		{nl.XFRMA_SA_PCPU, []byte{0, 0, 0, 0}, nil},
		{nl.XFRMA_OFFLOAD_DEV, []byte{3, 0, 0, 0, 2, 0, 0, 0}, nil},
		{nl.XFRMA_OFFLOAD_DEV, []byte{3, 0, 0, 0, 4, 0, 0, 0}, ErrUnsupported},
	} {
		s, err := parseState(appendAttribute(slices.Clip(base), test.kind, test.data))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.usable(); !errors.Is(err, test.want) {
			t.Errorf("with attribute %d %x: %v, want %v", test.kind, test.data, err, test.want)
		}
	}
}

// TestParseTruncated checks that a truncated message is an error, unless it ends between two attributes.
func TestParseTruncated(t *testing.T) {
	for _, name := range []string{"state-esp", "state-ah-esn-mark", "policy-v4"} {
		msg := readHex(t, name)
		parse, fixed := func(b []byte) error { _, err := parseState(b); return err }, nl.SizeofXfrmUsersaInfo
		if name == "policy-v4" {
			parse, fixed = func(b []byte) error { _, err := parsePolicy(b); return err }, nl.SizeofXfrmUserpolicyInfo
		}
		failed := 0
		for n := range len(msg) {
			err := parse(msg[:n])
			if err != nil && !errors.Is(err, ErrMessage) || n < fixed && err == nil {
				t.Errorf("%s, %d of %d bytes: %v", name, n, len(msg), err)
			}
			if err != nil {
				failed++
			}
		}
		if failed <= fixed {
			t.Errorf("%s: no error for attributes cut short", name)
		}
	}
}

// TestUpdateState checks that the update keeps every attribute of the dump, in order and unchanged, except
// those that must not be sent back.
func TestUpdateState(t *testing.T) {
	dump := readHex(t, "state-esp-used")
	dump = appendAttribute(dump, nl.XFRMA_OFFLOAD_DEV, []byte{3, 0, 0, 0, 2, 0, 0, 0})
	r, err := updateState(dump, 0x65000008)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dump[:nl.SizeofXfrmUsersaInfo], r.payload[:nl.SizeofXfrmUsersaInfo]); diff != "" {
		t.Errorf("struct xfrm_usersa_info:\n%s", diff)
	}
	sent, err := parseAttributes(r.payload[nl.SizeofXfrmUsersaInfo:])
	if err != nil {
		t.Fatal(err)
	}
	came, err := parseAttributes(dump[nl.SizeofXfrmUsersaInfo:])
	if err != nil {
		t.Fatal(err)
	}
	var want []attribute
	gone := map[uint16]bool{}
	for _, a := range came {
		switch a.kind {
		case nl.XFRMA_ALG_AUTH, nl.XFRMA_LASTUSED, nl.XFRMA_IF_ID, nl.XFRMA_OFFLOAD_DEV:
			gone[a.kind] = true
		default:
			want = append(want, a)
		}
	}
	want = append(want, attribute{nl.XFRMA_IF_ID, []byte{8, 0, 0, 0x65}})
	if diff := cmp.Diff(want, sent, cmp.AllowUnexported(attribute{})); diff != "" || len(gone) != 4 {
		t.Errorf("%d kinds left out, attributes:\n%s", len(gone), diff)
	}
}

// TestUpdateStateAuthOnly checks that ALG_AUTH alone, as in kernels before 2.6.33, is sent back: it contains
// the key.
func TestUpdateStateAuthOnly(t *testing.T) {
	dump := readHex(t, "state-larval")
	r, err := updateState(appendAttribute(dump, nl.XFRMA_ALG_AUTH, make([]byte, 68)), testIfID)
	if err != nil {
		t.Fatal(err)
	}
	attrs, err := parseAttributes(r.payload[nl.SizeofXfrmUsersaInfo:])
	if err != nil {
		t.Fatal(err)
	}
	auth := 0
	for _, a := range attrs {
		if a.kind == nl.XFRMA_ALG_AUTH {
			auth++
		}
	}
	if auth != 1 {
		t.Errorf("%d ALG_AUTH attributes, want 1", auth)
	}
}

// TestStatesFind checks that a tun SAID matches a tunnel of any protocol, and other SAIDs their protocol only;
// the first of esp, ah and comp is used.
func TestStatesFind(t *testing.T) {
	dst := netip.MustParseAddr("192.0.2.2")
	states := States{}
	for _, s := range []State{
		{StateKey: StateKey{50, 0x100, dst}, Mode: ModeTransport},
		{StateKey: StateKey{51, 0x100, dst}, Mode: ModeTunnel},
		{StateKey: StateKey{108, 0x100, dst}, Mode: ModeTunnel},
		{StateKey: StateKey{50, 0x200, dst}, Mode: ModeTunnel, idle: true},
		{StateKey: StateKey{4, 0x200, dst}, Mode: ModeTunnel},
		{StateKey: StateKey{50, 0x300, dst}, Mode: ModeTunnel, flaw: flawMark},
		{StateKey: StateKey{50, 0x400, dst}, Mode: ModeTunnel, flaw: flawMark},
		{StateKey: StateKey{50, 0x400, dst}, Mode: ModeTunnel, ReqID: 1},
		{StateKey: StateKey{50, 0x500, dst}, Mode: ModeTunnel, ReqID: 1},
		{StateKey: StateKey{50, 0x500, dst}, Mode: ModeTunnel, flaw: flawMark},
	} {
		states.add(s)
	}
	for _, test := range []struct {
		proto uint8
		spi   uint32
		want  State
		err   error
	}{
		{50, 0x100, State{StateKey: StateKey{50, 0x100, dst}}, nil},
		{51, 0x100, State{StateKey: StateKey{51, 0x100, dst}, Mode: ModeTunnel}, nil},
		{4, 0x100, State{StateKey: StateKey{51, 0x100, dst}, Mode: ModeTunnel}, nil},
		{50, 0x200, State{}, ErrNoState},
		{4, 0x200, State{}, ErrNoState},
		{4, 0x300, State{}, ErrUnsupported},
		{4, 0x400, State{StateKey: StateKey{50, 0x400, dst}, Mode: ModeTunnel, ReqID: 1}, nil},
		{50, 0x500, State{StateKey: StateKey{50, 0x500, dst}, Mode: ModeTunnel, ReqID: 1}, nil},
		{6, 0x100, State{}, ErrNoState},
	} {
		said := eroute.SAID{Proto: test.proto, SPI: test.spi, Dst: dst}
		got, err := states.Find(said)
		if !errors.Is(err, test.err) {
			t.Errorf("Find(%s): %v, want %v", said, err, test.err)
		}
		if diff := cmp.Diff(test.want, got, compareStates); diff != "" {
			t.Errorf("Find(%s):\n%s", said, diff)
		}
	}
}
