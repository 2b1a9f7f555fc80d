// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/netdump"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// answers are the states and policies that key managers have installed, read at one moment.
type answers struct {
	states   []*xfrm.State // for output, newest first
	byReqID  map[uint32][]*xfrm.State
	policies []xfrm.OutPolicy
}

// newAnswers selects the outbound states: those from an address of ours.
func newAnswers(states xfrm.States, policies []xfrm.OutPolicy, own map[netip.Addr]bool, seen map[xfrm.StateKey]uint64) answers {
	a := answers{policies: policies, byReqID: make(map[uint32][]*xfrm.State)}
	for _, s := range states {
		if own[s.Dst] || (!own[s.Src] && !s.Src.IsUnspecified()) {
			continue
		}
		a.states = append(a.states, &s)
	}
	slices.SortFunc(a.states, func(x, y *xfrm.State) int {
		return cmp.Or(cmp.Compare(y.Added, x.Added), cmp.Compare(seen[y.StateKey], seen[x.StateKey]))
	})
	for _, s := range a.states {
		a.byReqID[s.ReqID] = append(a.byReqID[s.ReqID], s)
	}
	return a
}

// requestParams are the parameters for requesting an SA for a flow: those of its trap, completed by the key manager's
// policy for the flow.
type requestParams struct {
	eroute.AcquireParams
	policy *xfrm.OutPolicy // nil: there is none, or the trap's reqid selects the SA
}

// params returns the parameters for requesting an SA for a flow. trap are those of the flow's trap.
func (a answers) params(flow eroute.Selector, trap eroute.AcquireParams) requestParams {
	p := requestParams{AcquireParams: trap}
	if trap.ReqID != 0 {
		return p
	}
	if p.policy = xfrm.PolicyFor(a.policies, flow); p.policy == nil {
		return p
	}
	p.AcquireParams = p.policy.Complete(trap)
	return p
}

// problem returns why a key manager may not be able to answer the request; empty if it can.
func (p requestParams) problem() string {
	if p.ReqID != 0 {
		return ""
	}
	return "no reqid: the trap has none, nor has a policy for the flow"
}

// find returns the SA for a flow of a trap, or the group of its SAs if the trap has a spread.
func (a answers) find(flow abi.FlowID, p requestParams) (answer maps.Answer, ok bool) {
	fit := a.fitting(flow.Selector, p)
	answer.Flow = flow
	if answer.SAID, ok = fit.said(p.Spread); ok && answer.SAID.IsGroup() {
		answer.Other = said(fit.anyCPU[0])
	}
	return answer, ok
}

// fitting returns the states that match the request of a flow. The trap's reqid selects them; else the template of the
// key manager's policy for the flow; else the states' own selectors, if they have any. Without any of these no state
// matches.
func (a answers) fitting(flow eroute.Selector, p requestParams) (fit fitting) {
	for _, s := range a.candidates(p) {
		if s.Proto != p.Proto || uint8(s.Mode) != uint8(p.Mode) || !carries(s, flow) || !matches(s, flow, p) {
			continue
		}
		if s.OneCPU {
			fit.oneCPU = append(fit.oneCPU, *s)
		} else {
			fit.anyCPU = append(fit.anyCPU, *s)
			if p.Spread == 0 { // the newest one suffices
				break
			}
		}
	}
	return fit
}

// candidates are the states that can match a request, newest first: with 100,000 tunnels few states have its reqid.
func (a answers) candidates(p requestParams) []*xfrm.State {
	reqid := p.ReqID
	if p.policy != nil {
		reqid = p.policy.Template.ReqID
	}
	if reqid == 0 {
		return a.states
	}
	return a.byReqID[reqid]
}

func matches(s *xfrm.State, flow eroute.Selector, p requestParams) bool {
	if p.Peer.IsValid() && s.Dst != p.Peer {
		return false
	}
	if s.Mode == xfrm.ModeTransport && s.Dst != flow.Dst.Addr() {
		return false
	}
	switch {
	case p.policy != nil:
	case p.ReqID != 0:
		return s.ReqID == p.ReqID
	default:
		return s.Selects(flow)
	}
	t := p.policy.Template
	return t.Proto == s.Proto && t.Mode == s.Mode &&
		(t.ReqID == 0 || t.ReqID == s.ReqID) &&
		(!t.Dst.IsValid() || t.Dst.IsUnspecified() || t.Dst == s.Dst) &&
		(t.SPI == 0 || t.SPI == s.SPI)
}

// carries reports whether the state can carry packets of the flow's family.
func carries(s *xfrm.State, flow eroute.Selector) bool {
	return s.Inner&xfrm.FamilyOf(flow.Src.Addr()) != 0
}

// said returns the SAID of a state.
func said(s xfrm.State) eroute.SAID {
	if s.Mode == xfrm.ModeTunnel {
		return eroute.SAID{Proto: eroute.ProtoTun, SPI: s.SPI, Dst: s.Dst}
	}
	return eroute.SAID{Proto: s.Proto, SPI: s.SPI, Dst: s.Dst}
}

// ownAddresses returns the addresses of the network namespace.
func ownAddresses() (map[netip.Addr]bool, error) {
	own, err := netdump.Addresses()
	if err != nil {
		return nil, fmt.Errorf("list own addresses: %w", err)
	}
	return own, nil
}
