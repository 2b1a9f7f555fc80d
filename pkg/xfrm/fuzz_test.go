// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// addMessages adds the messages of testdata with this prefix as seeds.
func addMessages(f *testing.F, word string) {
	files, err := filepath.Glob(filepath.Join("testdata", word+"-*.hex"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no messages %s: %v", word, err)
	}
	for _, file := range files {
		f.Add(readHex(f, strings.TrimSuffix(filepath.Base(file), ".hex")))
	}
}

// FuzzParseState checks that a state is parsed or refused, and that its update is the same state with another
// if_id.
func FuzzParseState(f *testing.F) {
	addMessages(f, "state")
	f.Fuzz(func(t *testing.T, msg []byte) {
		m, err := parseState(msg)
		if err != nil {
			if !errors.Is(err, ErrMessage) {
				t.Fatal(err)
			}
			return
		}
		m.lifetime(time.Unix(1e9, 0))
		r, err := updateState(msg, testIfID)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseState(r.payload)
		if err != nil {
			t.Fatalf("update %x: %v", r.payload, err)
		}
		s := m.State
		s.IfID = testIfID
		if s.flaw == flawPacket { // the update omits the offload
			s.flaw = again.flaw
		}
		if diff := cmp.Diff(s, again.State, compareStates); diff != "" {
			t.Errorf("update:\n%s", diff)
		}
		if r2, err := updateState(r.payload, testIfID); err != nil || !bytes.Equal(r.payload, r2.payload) {
			t.Errorf("update of %x: %x, %v", r.payload, r2.payload, err)
		}
	})
}

// FuzzParsePolicy checks that a policy is parsed or refused, and that one of ours survives a round trip.
func FuzzParsePolicy(f *testing.F) {
	addMessages(f, "policy")
	f.Fuzz(func(t *testing.T, msg []byte) {
		m, err := parsePolicy(msg)
		if err != nil {
			if !errors.Is(err, ErrMessage) {
				t.Fatal(err)
			}
			return
		}
		m.whole()
		m.outPolicy()
		p := m.policy()
		if !m.isOut() || p.narrow || p.templates > 1 {
			return
		}
		again, err := parsePolicy(p.message(nl.XFRM_MSG_NEWPOLICY).payload)
		if err != nil || !again.isOut() || again.policy() != p {
			t.Errorf("%+v, encoded and parsed again: %+v, %v", p, again, err)
		}
	})
}

// FuzzAcquire checks that the ACQUIRE for any packet is well-formed: its structures and a template (struct
// xfrm_user_acquire, include/uapi/linux/xfrm.h).
func FuzzAcquire(f *testing.F) {
	f.Add([]byte{0x45, 0, 0, 24, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 1, 1, 1, 2, 3, 4}, true, uint32(7))
	f.Add(append([]byte{0x60, 0, 0, 0, 0, 8, 6, 64}, make([]byte, 40)...), false, uint32(0))
	f.Fuzz(func(t *testing.T, b []byte, tunnel bool, reqID uint32) {
		p, err := eroute.ParsePacket(b)
		if err != nil {
			return
		}
		params := eroute.AcquireParams{Proto: eroute.ProtoESP, ReqID: reqID}
		if tunnel {
			params.Mode = eroute.ModeTunnel
		}
		flow := selectorOf(p)
		r := Acquire{Flow: flow, Policy: flow, Packet: p, Params: params, Seq: 1}.message()
		const fixed = nl.SizeofXfrmId + nl.SizeofXfrmAddress + nl.SizeofXfrmSelector + nl.SizeofXfrmUserpolicyInfo + 4*4
		if len(r.payload) < fixed {
			t.Fatalf("message of %d bytes", len(r.payload))
		}
		sel := nl.DeserializeXfrmSelector(r.payload[nl.SizeofXfrmId+nl.SizeofXfrmAddress:])
		if got := parseSelector(*sel); got != flow {
			t.Errorf("selector %v, want %v", got, flow)
		}
		if seq := binary.NativeEndian.Uint32(r.payload[fixed-4:]); seq != 1 {
			t.Errorf("sequence number %d", seq)
		}
		attrs, err := parseAttributes(r.payload[fixed:])
		if err != nil || len(attrs) != 1 || attrs[0].kind != nl.XFRMA_TMPL || len(attrs[0].data) != nl.SizeofXfrmUserTmpl {
			t.Errorf("attributes %v, %v", attrs, err)
		}
	})
}
