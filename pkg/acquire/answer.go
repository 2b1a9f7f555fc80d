// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// answers is what key managers have installed at one moment.
type answers struct {
	states   []xfrm.State // for output, the newest first
	policies []xfrm.OutPolicy
}

// ages tells states apart that were made in the same second: by when they were first seen.
type ages map[xfrm.StateKey]uint64

// newAnswers takes from all states those that packets leave by: from an address of ours.
func newAnswers(states xfrm.States, policies []xfrm.OutPolicy, own map[netip.Addr]bool, seen ages) answers {
	a := answers{policies: policies}
	for key, s := range states {
		if own[s.Dst] || (!own[s.Src] && !s.Src.IsUnspecified()) {
			continue
		}
		if _, ok := seen[key]; !ok {
			seen[key] = uint64(len(seen)) + 1
		}
		a.states = append(a.states, s)
	}
	slices.SortFunc(a.states, func(x, y xfrm.State) int {
		return cmp.Or(cmp.Compare(y.Added, x.Added), cmp.Compare(seen[y.StateKey], seen[x.StateKey]))
	})
	return a
}

// find returns the SA that a flow of a trap is to use: the newest state that the trap
// asks for. A reqid in the trap says which; else the template of the key manager's
// policy for the flow does; else the peer alone. Without any of these there is no way
// to tell.
func (a answers) find(flow eroute.Selector, ask eroute.Ask) (eroute.SAID, bool) {
	var policy *xfrm.OutPolicy
	if ask.ReqID == 0 {
		policy = a.policy(flow)
	}
	for _, s := range a.states {
		if s.Proto == ask.Proto && uint8(s.Mode) == uint8(ask.Mode) && carries(s, flow) && matches(s, flow, ask, policy) {
			return said(s), true
		}
	}
	return eroute.SAID{}, false
}

func matches(s xfrm.State, flow eroute.Selector, ask eroute.Ask, policy *xfrm.OutPolicy) bool {
	if ask.Peer.IsValid() && s.Dst != ask.Peer {
		return false
	}
	if s.Mode == xfrm.ModeTransport && s.Dst != flow.Dst.Addr() {
		return false
	}
	if ask.ReqID != 0 {
		return s.ReqID == ask.ReqID
	}
	if policy == nil {
		return ask.Peer.IsValid()
	}
	t := policy.Template
	return t.Proto == s.Proto && t.Mode == s.Mode &&
		(t.ReqID == 0 || t.ReqID == s.ReqID) &&
		(!t.Dst.IsValid() || t.Dst.IsUnspecified() || t.Dst == s.Dst) &&
		(t.SPI == 0 || t.SPI == s.SPI)
}

// carries tells whether packets of the flow's family fit in.
func carries(s xfrm.State, flow eroute.Selector) bool {
	return s.Inner&xfrm.FamilyOf(flow.Src.Addr()) != 0
}

// policy returns the first policy for the flow as the kernel would choose.
func (a answers) policy(flow eroute.Selector) *xfrm.OutPolicy {
	var best *xfrm.OutPolicy
	for i := range a.policies {
		if p := &a.policies[i]; p.Covers(flow) && (best == nil || p.Priority < best.Priority) {
			best = p
		}
	}
	return best
}

// said returns the SAID that means a state.
func said(s xfrm.State) eroute.SAID {
	if s.Mode == xfrm.ModeTunnel {
		return eroute.SAID{Proto: eroute.ProtoTun, SPI: s.SPI, Dst: s.Dst}
	}
	return eroute.SAID{Proto: s.Proto, SPI: s.SPI, Dst: s.Dst}
}

// ownAddresses returns the addresses of the network namespace.
func ownAddresses() (map[netip.Addr]bool, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list own addresses: %w", err)
	}
	own := make(map[netip.Addr]bool)
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own[p.Addr().Unmap()] = true
		}
	}
	return own, nil
}
