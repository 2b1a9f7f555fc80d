// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"cmp"
	"time"

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
// ErrUnsupported if our policies cannot use it. Of a bundle it counts the packets of the last state; the bundle ends with
// its first one that does.
func (h *Handle) Lifetime(said eroute.SAID) (Lifetime, error) {
	var l Lifetime
	now := time.Now()
	s, err := of(said, func(said eroute.SAID) (State, error) {
		m, err := h.find(said)
		if err == nil {
			l = m.lifetime(now).over(l)
		}
		return m.State, err
	})
	if err != nil {
		return Lifetime{}, err
	}
	l.State = s
	if !ours(s.IfID) || !s.Has(s.IfID) {
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

// over returns the lifetime l, which also ends at the end of under.
func (l Lifetime) over(under Lifetime) Lifetime {
	l.Spent = cmp.Or(under.Spent, l.Spent)
	if end := under.Expires; !end.IsZero() && (l.Expires.IsZero() || end.Before(l.Expires)) {
		l.Expires = end
	}
	return l
}

// lifetime returns the state's lifetime without its policies.
func (m *stateMessage) lifetime(now time.Time) Lifetime {
	u := m.usage(now)
	l := Lifetime{
		State: m.State, Packets: u.Packets.Used, Bytes: u.Bytes.Used, MaxPackets: u.Packets.Hard, MaxBytes: u.Bytes.Hard,
		Spent: u.Spent(),
	}
	for _, limit := range []struct{ since, seconds uint64 }{
		{m.info.Curlft.AddTime, u.Age.Hard},
		{m.info.Curlft.UseTime, u.Use.Hard},
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
