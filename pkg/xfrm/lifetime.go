// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"time"

	"github.com/vishvananda/netlink/nl"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Lifetime is a state with its usage and its end.
type Lifetime struct {
	State
	Packets, Bytes       uint64    // processed
	MaxPackets, MaxBytes uint64    // at which it ends; 0: never
	Expires              time.Time // when it ends; zero: never
	Spent                string    // why XFRM refuses the next packet, see [Usage.Spent]; "": it does not
	Policies             Families  // families with a policy of its if_id, if that is one of ours
}

// Lifetime reads the state that an SAID names. It returns ErrNoState if it is absent, larval or input-only, and
// ErrUnsupported if our policies cannot use it.
func (h *Handle) Lifetime(said eroute.SAID) (Lifetime, error) {
	s, msg, err := h.find(said)
	if err != nil {
		return Lifetime{}, err
	}
	l := newLifetime(s, nl.DeserializeXfrmUsersaInfo(msg))
	usage, _, err := parseUsage(msg, time.Now())
	if err != nil {
		return Lifetime{}, err
	}
	l.Spent = usage.Spent()
	if !ours(s.IfID) {
		return l, nil
	}
	for _, family := range each {
		want := pinned(s, s.IfID, family)
		have, there, err := h.getPolicy(want.policyID)
		if err != nil {
			return Lifetime{}, err
		}
		if there && have == want {
			l.Policies |= family
		}
	}
	return l, nil
}

func newLifetime(s State, info *nl.XfrmUsersaInfo) Lifetime {
	l := Lifetime{State: s, Packets: info.Curlft.Packets, Bytes: info.Curlft.Bytes}
	if n := info.Lft.HardPacketLimit; n != nl.XFRM_INF {
		l.MaxPackets = n
	}
	if n := info.Lft.HardByteLimit; n != nl.XFRM_INF {
		l.MaxBytes = n
	}
	for _, limit := range []struct{ since, seconds uint64 }{
		{info.Curlft.AddTime, info.Lft.HardAddExpiresSeconds},
		{info.Curlft.UseTime, info.Lft.HardUseExpiresSeconds},
	} {
		if limit.since == 0 || limit.seconds == 0 { // not used yet, no limit
			continue
		}
		if end := time.Unix(int64(limit.since+limit.seconds), 0); l.Expires.IsZero() || end.Before(l.Expires) {
			l.Expires = end
		}
	}
	return l
}
