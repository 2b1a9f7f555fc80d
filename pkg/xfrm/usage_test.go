// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"
)

// TestParseUsage parses real dumps, a minute after the state was created.
func TestParseUsage(t *testing.T) {
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
		msg := readHex(t, test.name)
		state, err := parseState(msg)
		if err != nil {
			t.Fatal(err)
		}
		got, is, err := parseUsage(msg, time.Unix(int64(state.Added)+60, 0))
		if err != nil || !is {
			t.Errorf("%s: %v, %v", test.name, is, err)
		}
		test.want.State = state
		test.want.Age.Used = 60
		if diff := cmp.Diff(test.want, got, compareStates); diff != "" {
			t.Errorf("%s:\n%s", test.name, diff)
		}
	}
	for _, name := range []string{"state-larval", "state-ipip"} {
		if _, is, err := parseUsage(readHex(t, name), time.Now()); is || err != nil {
			t.Errorf("%s: %v, %v, want none", name, is, err)
		}
	}
	if _, _, err := parseUsage(make([]byte, 10), time.Now()); err == nil {
		t.Error("no error for a message that is cut short")
	}
}

// TestParseUsageLimits checks that all limits are parsed from the right fields.
func TestParseUsageLimits(t *testing.T) {
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
	l, is, err := parseUsage(msg, time.Unix(1200, 0))
	if err != nil || !is || l.ESN {
		t.Errorf("%+v, %v, %v", l, is, err)
	}
	got := []Limit{l.Bytes, l.Packets, l.Age, l.Use, l.Sequence}
	want := []Limit{{9, 1, 2}, {10, 3, 4}, {200, 5, 6}, {100, 7, 8}, {12, 0, 1 << 32}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	nl.DeserializeXfrmUsersaInfo(msg).Flags |= nl.XFRM_STATE_ESN
	if l, _, err = parseUsage(msg, time.Unix(900, 0)); err != nil || l.Sequence != (Limit{14<<32 | 12, 0, 1<<64 - 1}) || l.Age.Used != 0 {
		t.Errorf("with ESN, before it was made: %+v, %v", l, err)
	}
	msg = appendUint32(msg, nl.XFRMA_SA_EXTRA_FLAGS, saOseqMayWrap)
	if l, _, err = parseUsage(msg, time.Now()); err != nil || l.Sequence.Hard != 0 {
		t.Errorf("with numbers that may wrap: %+v, %v", l.Sequence, err)
	}
}
