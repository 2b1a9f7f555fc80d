// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/vishvananda/netlink/nl"
)

// Values of linux/xfrm.h that package nl does not have.
const (
	dirIn         = 1 // XFRM_SA_DIR_IN
	offloadPacket = 4 // XFRM_OFFLOAD_PACKET
	saOseqMayWrap = 2 // XFRM_SA_XFLAG_OSEQ_MAY_WRAP
)

// stateMessage is a state from the kernel: a struct xfrm_usersa_info and its attributes.
type stateMessage struct {
	State
	raw      []byte             // the whole message; nil if the state was not parsed from one
	info     *nl.XfrmUsersaInfo // points into raw
	larval   bool               // has no algorithm
	sequence Limit              // see [Usage.Sequence]
}

// parseState parses a state from a dump. The result refers to msg. It returns ErrMessage if the message is
// truncated.
func parseState(msg []byte) (stateMessage, error) {
	if len(msg) < nl.SizeofXfrmUsersaInfo {
		return stateMessage{}, fmt.Errorf("parse state of %d bytes: %w", len(msg), ErrMessage)
	}
	info := nl.DeserializeXfrmUsersaInfo(msg)
	attrs, err := parseAttributes(msg[nl.SizeofXfrmUsersaInfo:])
	if err != nil {
		return stateMessage{}, fmt.Errorf("parse state: %w", err)
	}
	m := stateMessage{raw: msg, info: info, larval: true, State: State{
		StateKey: StateKey{
			Proto: info.Id.Proto,
			SPI:   hton32(info.Id.Spi),
			Dst:   fromAddress(info.Id.Daddr, info.Family),
		},
		Src:   fromAddress(info.Saddr, info.Family),
		Mode:  Mode(info.Mode),
		ReqID: info.Reqid,
		Added: info.Curlft.AddTime,
		Inner: inner(info),

		Packets: info.Curlft.Packets,
		Bytes:   info.Curlft.Bytes,
	}}
	s := &m.State
	if info.Sel.PrefixlenS != 0 || info.Sel.PrefixlenD != 0 {
		s.Sel = parseSelector(info.Sel)
	}
	if !s.Dst.IsValid() {
		return stateMessage{}, fmt.Errorf("parse state of family %d: %w", info.Family, ErrMessage)
	}
	esn := info.Flags&nl.XFRM_STATE_ESN != 0
	input, numbered, mayWrap, mark, mask := false, false, false, uint32(0), ^uint32(0)
	for _, a := range attrs {
		switch a.kind {
		case nl.XFRMA_ALG_AUTH, nl.XFRMA_ALG_AUTH_TRUNC, nl.XFRMA_ALG_CRYPT, nl.XFRMA_ALG_AEAD:
			m.larval, numbered = false, true
		case nl.XFRMA_ALG_COMP: // has no sequence numbers
			m.larval = false
		case nl.XFRMA_IF_ID:
			s.IfID = a.uint32()
		case nl.XFRMA_MARK: // struct xfrm_mark: the value is first
			if a.uint32() != 0 {
				s.flaw = flawMark
			}
		case nl.XFRMA_ENCAP:
			s.Outer.setEncap(a.data)
		case nl.XFRMA_SET_MARK:
			mark = a.uint32()
		case nl.XFRMA_SET_MARK_MASK:
			mask = a.uint32()
		case nl.XFRMA_OFFLOAD_DEV: // struct xfrm_user_offload: ifindex, flags
			if len(a.data) > 4 && a.data[4]&offloadPacket != 0 {
				s.flaw = flawPacket
			}
		case nl.XFRMA_SA_PCPU:
			s.OneCPU, s.CPU = true, a.uint32()
		case nl.XFRMA_SA_DIR:
			input = len(a.data) > 0 && a.data[0] == dirIn
		case nl.XFRMA_REPLAY_VAL: // struct xfrm_replay_state: oseq is first
			s.Spent = a.uint32() == math.MaxUint32
			m.sequence.Used = replay(a.data)
		case nl.XFRMA_REPLAY_ESN_VAL:
			s.Spent = spentESN(a.data, esn)
			m.sequence.Used = replayESN(a.data, esn)
		case nl.XFRMA_SA_EXTRA_FLAGS:
			mayWrap = a.uint32()&saOseqMayWrap != 0
		}
	}
	s.idle = m.larval || input
	s.Spent = s.Spent && !mayWrap
	s.Outer.Mark = mark & mask
	if numbered && !mayWrap {
		m.sequence.Hard = 1 << 32
		if esn {
			m.sequence.Hard = 1<<64 - 1
		}
	}
	return m, nil
}

// spentESN reports whether a struct xfrm_replay_state_esn has no outbound sequence number left: bmp_len, oseq,
// seq, oseq_hi.
func spentESN(b []byte, esn bool) bool {
	if len(b) < 16 || binary.NativeEndian.Uint32(b[4:]) != math.MaxUint32 {
		return false
	}
	return !esn || binary.NativeEndian.Uint32(b[12:]) == math.MaxUint32
}

// inner returns the families that the kernel accepts for a state (xfrm_state_look_at compares the packet's
// family with the selector's, if it has one).
func inner(info *nl.XfrmUsersaInfo) Families {
	switch Mode(info.Mode) {
	case ModeTunnel, ModeBEET, ModeIPTFS:
		if info.Sel.Family == 0 {
			return IPv4 | IPv6
		}
		return familiesFromAF(info.Sel.Family)
	}
	return familiesFromAF(info.Family)
}
