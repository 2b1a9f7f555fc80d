// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"
)

// TestParseChange checks that each message about a state yields the same state as a dump.
func TestParseChange(t *testing.T) {
	dumped := readHex(t, "state-esp")
	parsed, err := parseState(dumped)
	if err != nil {
		t.Fatal(err)
	}
	state := parsed.State
	info, attrs := dumped[:nl.SizeofXfrmUsersaInfo], dumped[nl.SizeofXfrmUsersaInfo:]
	deleted := append(make([]byte, nl.SizeofXfrmUsersaId), appendAttribute(nil, nl.XFRMA_SA, info)...)
	deleted = append(deleted, attrs...)
	expire := func(hard byte) []byte {
		return append(append(slices.Clone(info), hard, 0, 0, 0, 0, 0, 0, 0), attrs...)
	}
	for name, test := range map[string]struct {
		msgType uint16
		data    []byte
		want    Change
		err     error
	}{
		"new":            {nl.XFRM_MSG_NEWSA, dumped, Change{Kind: StateAdded, State: state}, nil},
		"update":         {nl.XFRM_MSG_UPDSA, dumped, Change{Kind: StateUpdated, State: state}, nil},
		"delete":         {nl.XFRM_MSG_DELSA, deleted, Change{Kind: StateDeleted, State: state}, nil},
		"soft expiry":    {nl.XFRM_MSG_EXPIRE, expire(0), Change{Kind: StateExpiring, State: state}, nil},
		"hard expiry":    {nl.XFRM_MSG_EXPIRE, expire(1), Change{Kind: StateExpired, State: state}, nil},
		"flush":          {nl.XFRM_MSG_FLUSHSA, []byte{50}, Change{Kind: StatesFlushed, State: State{StateKey: StateKey{Proto: 50}}}, nil},
		"policy":         {nl.XFRM_MSG_NEWPOLICY, []byte{1}, Change{}, nil},
		"short":          {nl.XFRM_MSG_NEWSA, dumped[:20], Change{}, ErrMessage},
		"short delete":   {nl.XFRM_MSG_DELSA, deleted[:20], Change{}, ErrMessage},
		"empty delete":   {nl.XFRM_MSG_DELSA, deleted[:nl.SizeofXfrmUsersaId], Change{}, ErrMessage},
		"delete cut off": {nl.XFRM_MSG_DELSA, deleted[:nl.SizeofXfrmUsersaId+50], Change{}, ErrMessage},
		"short expiry":   {nl.XFRM_MSG_EXPIRE, info, Change{}, ErrMessage},
		"short flush":    {nl.XFRM_MSG_FLUSHSA, nil, Change{}, ErrMessage},
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

// TestParseChanges checks a datagram with several messages.
func TestParseChanges(t *testing.T) {
	message := func(msgType uint16, data []byte) []byte {
		b := binary.NativeEndian.AppendUint32(nil, uint32(16+len(data)))
		b = binary.NativeEndian.AppendUint16(b, msgType)
		b = append(append(b, make([]byte, 10)...), data...)
		return append(b, make([]byte, align(len(b))-len(b))...)
	}
	both := append(message(nl.XFRM_MSG_FLUSHSA, []byte{51}), message(nl.XFRM_MSG_NEWSA, readHex(t, "state-ah-esn-mark"))...)
	got, err := parseChanges(both)
	if err != nil || len(got) != 2 || got[0].Kind != StatesFlushed || got[1].Kind != StateAdded || got[1].State.SPI != 0x80000135 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := parseChanges(both[:60]); err == nil {
		t.Error("messages cut short are taken")
	}
}
