// SPDX-License-Identifier: Apache-2.0

package frames

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// permitsError reports whether RFC 1122 and RFC 4443 permit an ICMP error to the sender of a rejected packet.
func (s seen) permitsError(b []byte) bool {
	src, dst, first := s.packet.Src, s.packet.Dst, s.packet.Src.AsSlice()[0]
	if s.laterFragment || first == 0 || isGroup(src) {
		return false
	}
	if src.Is4() {
		header := int(b[0]&15) * 4
		informative := []byte{0, 8, 13, 14, 15, 16, 17, 18}
		return first != 127 && first < 224 && dst.As4()[0] < 224 &&
			(b[9] != 1 || header < min(s.length, len(b)) && slices.Contains(informative, b[header]))
	}
	if isGroup(dst) {
		return false
	}
	at, whole := transport6(b)
	return whole && (s.packet.Proto != 58 || at < len(b) && b[at] >= 128 && b[at] != 137)
}

// transport6 returns the offset of an IPv6 packet's transport header, and whether it is known.
func transport6(b []byte) (at int, whole bool) {
	if n := int(binary.BigEndian.Uint16(b[4:])); n != 0 {
		b = b[:min(len(b), 40+n)]
	}
	next, at := b[6], 40
	for i := range 9 {
		if !slices.Contains([]byte{0, 43, 44, 60, 135, 139, 140}, next) {
			return at, true
		}
		if i == 8 || next == 0 && i > 0 || len(b) < at+8 {
			return 0, false
		}
		size := 8 * (int(b[at+1]) + 1)
		if next == 44 {
			size = 8
		}
		if next, at = b[at], at+size; at > len(b) {
			return 0, false
		}
	}
	return 0, false
}

// checkAnswer checks that a packet is the complete ICMP error about another one, within the permitted length.
func checkAnswer(answer, about []byte) error {
	head, most, to := 28, 576, about[12:16]
	if about[0]>>4 == 6 {
		head, most, to = 48, 1280, about[8:24]
	}
	if len(answer) < head || len(answer) > most {
		return fmt.Errorf("answer of %d bytes", len(answer))
	}
	quoted := answer[head:]
	if !bytes.HasPrefix(about, quoted) {
		return fmt.Errorf("answer %x quotes another packet than %x", answer, about)
	}
	ok := false
	if head == 28 {
		ok = answer[0] == 0x45 && int(binary.BigEndian.Uint16(answer[2:])) == len(answer) && sum(answer[:20]) == 0xffff &&
			answer[9] == 1 && bytes.Equal(answer[16:20], to) && answer[20] == 3 && answer[21] == 13 && wholeSum(answer[20:]) == 0xffff
	} else {
		pseudo := append(slices.Clone(answer[8:40]), 0, 0, byte((len(answer)-40)>>8), byte(len(answer)-40), 0, 0, 0, 58)
		ok = answer[0] == 0x60 && int(binary.BigEndian.Uint16(answer[4:])) == len(answer)-40 && answer[6] == 58 &&
			bytes.Equal(answer[24:40], to) && answer[40] == 1 && answer[41] == 1 && wholeSum(append(pseudo, answer[40:]...)) == 0xffff
	}
	if !ok {
		return fmt.Errorf("answer %x to %x is not right", answer, about)
	}
	return nil
}

// wholeSum is the checksum of bytes, also of an odd number.
func wholeSum(b []byte) uint16 {
	return sum(append(slices.Clone(b), 0)[:len(b)+len(b)%2])
}
