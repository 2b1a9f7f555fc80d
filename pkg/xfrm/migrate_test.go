// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

func raw(addr string) []byte {
	a := toAddress(netip.MustParseAddr(addr))
	return a[:]
}

// migrateStateMessage returns a struct xfrm_user_migrate_state.
func migrateStateMessage() []byte {
	b := append(raw("192.0.2.2"), 0, 0, 0x10, 0x01) // daddr, SPI
	b = binary.NativeEndian.AppendUint16(b, unix.AF_INET)
	b = append(b, unix.IPPROTO_ESP, 0)
	b = append(append(b, raw("2001:db8::2")...), raw("2001:db8::1")...)
	b = append(b, make([]byte, 8+56+8)...) // old_mark, new_sel, new_reqid, flags
	b = binary.NativeEndian.AppendUint16(b, unix.AF_INET6)
	return append(b, 0, 0)
}

// migrateMessage returns a struct xfrm_userpolicy_id and a struct xfrm_user_migrate.
func migrateMessage(dir uint8) []byte {
	m := append(append(append(raw("192.0.2.2"), raw("192.0.2.1")...), raw("192.0.2.3")...), raw("192.0.2.1")...)
	m = append(m, unix.IPPROTO_ESP, 1, 0, 0)
	m = binary.NativeEndian.AppendUint32(m, 7)
	m = binary.NativeEndian.AppendUint16(m, unix.AF_INET)
	m = binary.NativeEndian.AppendUint16(m, unix.AF_INET)
	return appendAttribute((&nl.XfrmUserpolicyId{Dir: dir}).Serialize(), nl.XFRMA_MIGRATE, m)
}

func TestParseMigration(t *testing.T) {
	old := netip.MustParseAddr("192.0.2.2")
	one := Change{Kind: StateMigrated, From: old, State: State{
		StateKey: StateKey{Proto: unix.IPPROTO_ESP, SPI: 0x1001, Dst: netip.MustParseAddr("2001:db8::2")}, Src: netip.MustParseAddr("2001:db8::1"),
	}}
	ofPolicy := Change{Kind: StateMigrated, From: old, State: State{
		StateKey: StateKey{Proto: unix.IPPROTO_ESP, Dst: netip.MustParseAddr("192.0.2.3")}, Src: netip.MustParseAddr("192.0.2.1"),
		Mode: ModeTunnel, ReqID: 7,
	}}
	noFamily := migrateStateMessage()
	noFamily[migrateStateNewFamily], noFamily[migrateStateNewFamily+1] = 0, 0
	for name, test := range map[string]struct {
		msgType uint16
		data    []byte
		want    Change
		err     error
	}{
		"one state":            {msgMigrateState, migrateStateMessage(), one, nil},
		"one state, cut off":   {msgMigrateState, migrateStateMessage()[:migrateStateSize-1], Change{}, ErrMessage},
		"one state, no family": {msgMigrateState, noFamily, Change{}, ErrMessage},
		"policy":               {nl.XFRM_MSG_MIGRATE, migrateMessage(policyOut), ofPolicy, nil},
		"policy for input":     {nl.XFRM_MSG_MIGRATE, migrateMessage(0), Change{}, nil},
		"policy, cut off":      {nl.XFRM_MSG_MIGRATE, migrateMessage(policyOut)[:nl.SizeofXfrmUserpolicyId-1], Change{}, ErrMessage},
		"policy without SAs":   {nl.XFRM_MSG_MIGRATE, migrateMessage(policyOut)[:nl.SizeofXfrmUserpolicyId], Change{}, nil},
	} {
		got, err := parseChange(test.msgType, test.data)
		if !errors.Is(err, test.err) {
			t.Errorf("%s: error %v, want %v", name, err, test.err)
		}
		if diff := cmp.Diff(test.want, got, compareStates); err == nil && diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

// TestSpent checks when a state is used up, and which counter XFRM increments for its next packet.
func TestSpent(t *testing.T) {
	const sequence, expired = "its sequence numbers are used up (XfrmOutStateSeqError)", " and ends (XfrmOutStateExpired)"
	for _, c := range []struct {
		usage Usage
		want  string
	}{
		{Usage{}, ""},
		{Usage{Sequence: Limit{Used: 1<<32 - 2, Hard: 1 << 32}}, ""},
		{Usage{Sequence: Limit{Used: 1<<32 - 1, Hard: 1 << 32}}, sequence},
		{Usage{Sequence: Limit{Used: 1<<32 - 1}}, ""}, // may wrap
		{Usage{Sequence: Limit{Used: 1<<64 - 2, Hard: 1<<64 - 1}, ESN: true}, ""},
		{Usage{Sequence: Limit{Used: 1<<64 - 1, Hard: 1<<64 - 1}, ESN: true}, sequence},
		{Usage{Bytes: Limit{Used: 99, Hard: 100}, Packets: Limit{Used: 1}}, ""},
		{Usage{Bytes: Limit{Used: 100, Hard: 100}}, "it has carried 100 bytes of 100," + expired},
		{Usage{Packets: Limit{Used: 5, Hard: 5}}, "it has carried 5 packets of 5," + expired},
		{Usage{Age: Limit{Used: 10, Hard: 10}}, "its lifetime is over, and it ends (XfrmOutStateExpired)"},
	} {
		if got := c.usage.Spent(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.usage, got, c.want)
		}
	}
	for _, c := range []struct {
		oseq, high uint32
		esn, want  bool
	}{
		{^uint32(0), 0, false, true}, {^uint32(0), 0, true, false}, {^uint32(0), ^uint32(0), true, true}, {1, ^uint32(0), true, false}, {1, 0, false, false},
	} {
		b := make([]byte, 4)
		for _, v := range []uint32{c.oseq, 0, c.high, 0} {
			b = binary.NativeEndian.AppendUint32(b, v)
		}
		if got := spentESN(b, c.esn); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
}
