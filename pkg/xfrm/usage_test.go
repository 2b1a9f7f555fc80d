// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"
)

// TestUsage parses real dumps, a minute after the state was created.
func TestUsage(t *testing.T) {
	for _, test := range []struct {
		name string
		want Usage
	}{
		{"state-esp", Usage{Sequence: Limit{Used: 9, Hard: 1 << 32}, Age: Limit{Hard: 3600}}},
		{"state-esp-used", Usage{
			Sequence: Limit{Used: 10, Hard: 1 << 32}, Age: Limit{Hard: 3600},
			Bytes: Limit{Used: 34}, Packets: Limit{Used: 1}, Use: Limit{Used: 57},
		}},
		{"state-ah-esn-mark", Usage{ESN: true, Sequence: Limit{Hard: 1<<64 - 1}}},
		{"state-comp", Usage{}},
	} {
		m, err := parseState(readHex(t, test.name))
		if err != nil || m.larval {
			t.Fatalf("%s: larval %v, %v", test.name, m.larval, err)
		}
		got := m.usage(time.Unix(int64(m.Added)+60, 0))
		test.want.State = m.State
		test.want.Age.Used = 60
		if diff := cmp.Diff(test.want, got, compareStates); diff != "" {
			t.Errorf("%s:\n%s", test.name, diff)
		}
	}
	for _, name := range []string{"state-larval", "state-ipip"} {
		if m, err := parseState(readHex(t, name)); !m.larval || err != nil {
			t.Errorf("%s: larval %v, %v", name, m.larval, err)
		}
	}
	if _, err := parseState(make([]byte, 10)); err == nil {
		t.Error("no error for a message that is cut short")
	}
}

// TestUsageLimits checks that all limits are parsed from the right fields.
func TestUsageLimits(t *testing.T) {
	msg := readHex(t, "state-esp")
	info := nl.DeserializeXfrmUsersaInfo(msg)
	info.Lft = nl.XfrmLifetimeCfg{
		SoftByteLimit: 1, HardByteLimit: 2, SoftPacketLimit: 3, HardPacketLimit: 4,
		SoftAddExpiresSeconds: 5, HardAddExpiresSeconds: 6, SoftUseExpiresSeconds: 7, HardUseExpiresSeconds: 8,
	}
	info.Curlft = nl.XfrmLifetimeCur{Bytes: 9, Packets: 10, AddTime: 1000, UseTime: 1100}
	esn := binary.NativeEndian.AppendUint32(nil, 1) // bmp_len
	for _, word := range []uint32{11, 12, 13, 14, 32, 0} {
		esn = binary.NativeEndian.AppendUint32(esn, word)
	}
	msg = appendAttribute(msg, nl.XFRMA_REPLAY_ESN_VAL, esn)
	usage := func(now time.Time) Usage {
		t.Helper()
		m, err := parseState(msg)
		if err != nil || m.larval {
			t.Fatalf("larval %v, %v", m.larval, err)
		}
		return m.usage(now)
	}
	u := usage(time.Unix(1200, 0))
	if u.ESN {
		t.Errorf("%+v", u)
	}
	got := []Limit{u.Bytes, u.Packets, u.Age, u.Use, u.Sequence}
	want := []Limit{{9, 1, 2}, {10, 3, 4}, {200, 5, 6}, {100, 7, 8}, {12, 0, 1 << 32}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	nl.DeserializeXfrmUsersaInfo(msg).Flags |= nl.XFRM_STATE_ESN
	if u = usage(time.Unix(900, 0)); u.Sequence != (Limit{14<<32 | 12, 0, 1<<64 - 1}) || u.Age.Used != 0 {
		t.Errorf("with ESN, before it was made: %+v", u)
	}
	msg = appendUint32(msg, nl.XFRMA_SA_EXTRA_FLAGS, saOseqMayWrap)
	if u = usage(time.Now()); u.Sequence.Hard != 0 {
		t.Errorf("with numbers that may wrap: %+v", u.Sequence)
	}
}
