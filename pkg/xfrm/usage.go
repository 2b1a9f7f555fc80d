// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/vishvananda/netlink/nl"
)

// Usage is the usage of a state against its limits.
type Usage struct {
	State
	Bytes, Packets Limit // carried in total
	Age            Limit // seconds since its creation
	Use            Limit // seconds since its first packet; 0 before that
	Sequence       Limit // used of 2^32 numbers or, with ESN, 2^64 - 1; of the direction that has used more
	ESN            bool  // extended sequence numbers (RFC 4304)
}

// Limit is the usage of a limited resource of a state. The kernel notifies the key manager at Soft, and the
// state ends at Hard; 0 means no limit.
type Limit struct{ Used, Soft, Hard uint64 }

// Usages returns all states that are not larval, inbound and outbound. Ages are relative to now.
func (h *Handle) Usages(now time.Time) ([]Usage, error) {
	var all []Usage
	err := h.dump(request{msgType: nl.XFRM_MSG_GETSA}, nl.XFRM_MSG_NEWSA, func(msg []byte) error {
		m, err := parseState(msg)
		if err == nil && !m.larval {
			all = append(all, m.usage(now))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("dump states: %w", err)
	}
	return all, nil
}

// usage returns the state's usage; ages are relative to now.
func (m *stateMessage) usage(now time.Time) Usage {
	lft, cur := m.info.Lft, m.info.Curlft
	return Usage{
		State:    m.State,
		Bytes:    Limit{cur.Bytes, finite(lft.SoftByteLimit), finite(lft.HardByteLimit)},
		Packets:  Limit{cur.Packets, finite(lft.SoftPacketLimit), finite(lft.HardPacketLimit)},
		Age:      Limit{since(cur.AddTime, now), lft.SoftAddExpiresSeconds, lft.HardAddExpiresSeconds},
		Use:      Limit{since(cur.UseTime, now), lft.SoftUseExpiresSeconds, lft.HardUseExpiresSeconds},
		Sequence: m.sequence,
		ESN:      m.info.Flags&nl.XFRM_STATE_ESN != 0,
	}
}

// replay parses a struct xfrm_replay_state: oseq, seq, bitmap.
func replay(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return uint64(max(binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint32(b[4:])))
}

// replayESN parses a struct xfrm_replay_state_esn: bmp_len, oseq, seq, oseq_hi, seq_hi. Without ESN it is only
// a larger window, and the high words have no meaning.
func replayESN(b []byte, esn bool) uint64 {
	if len(b) < 20 {
		return 0
	}
	word := func(i int) uint64 { return uint64(binary.NativeEndian.Uint32(b[4*i:])) }
	if !esn {
		return max(word(1), word(2))
	}
	return max(word(3)<<32|word(1), word(4)<<32|word(2))
}

// finite converts "no limit" to 0.
func finite(limit uint64) uint64 {
	if limit == nl.XFRM_INF {
		return 0
	}
	return limit
}

// since returns the seconds since a time in seconds since 1970; 0 if that is 0 or in the future.
func since(then uint64, now time.Time) uint64 {
	if seconds := uint64(max(now.Unix(), 0)); then != 0 && seconds > then {
		return seconds - then
	}
	return 0
}
