// SPDX-License-Identifier: Apache-2.0

package xfrm

import "fmt"

// Spent returns why XFRM refuses the state's next outbound packet although the state exists, with the name of
// the counter in [Counters]. It returns "" if XFRM does not refuse it.
//
// A state whose sequence numbers are used up stays (net/xfrm/xfrm_replay.c). One that has reached a hard limit
// ends with the packet that it refuses (xfrm_state_check_expire).
func (u *Usage) Spent() string {
	switch {
	case u.Sequence.Hard != 0 && u.Sequence.Used >= u.Sequence.last():
		return "its sequence numbers are used up (XfrmOutStateSeqError)"
	case u.Bytes.reached():
		return fmt.Sprintf("it has carried %d bytes of %d, and ends (XfrmOutStateExpired)", u.Bytes.Used, u.Bytes.Hard)
	case u.Packets.reached():
		return fmt.Sprintf("it has carried %d packets of %d, and ends (XfrmOutStateExpired)", u.Packets.Used, u.Packets.Hard)
	case u.Age.reached(), u.Use.reached():
		return "its lifetime is over, and it ends (XfrmOutStateExpired)"
	}
	return ""
}

func (l Limit) reached() bool { return l.Hard != 0 && l.Used >= l.Hard }

// last returns the last sequence number that can be sent.
func (l Limit) last() uint64 {
	if l.Hard == 1<<32 {
		return l.Hard - 1
	}
	return l.Hard
}
