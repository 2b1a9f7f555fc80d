// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// memorySurroundings knows what a test tells it.
type memorySurroundings struct {
	sas    map[eroute.SAID]xfrm.Life
	ready  map[eroute.SAID]bool
	routes []memoryRoute // the first that fits counts
	own    netip.Addr
	relay  bool

	policies []xfrm.OutPolicy
}

type memoryRoute struct {
	to netip.Prefix
	hop
}

func (m *memorySurroundings) SA(said eroute.SAID) (xfrm.Life, error) {
	if life, ok := m.sas[said]; ok {
		return life, nil
	}
	return xfrm.Life{}, xfrm.ErrNoState
}

func (m *memorySurroundings) Policy(flow eroute.Selector) (*xfrm.OutPolicy, error) {
	return xfrm.PolicyFor(m.policies, flow), nil
}

func (m *memorySurroundings) Route(dst netip.Addr, device string) hop {
	for _, r := range m.routes {
		if r.to.Contains(dst) && (device == "" || r.device == device) {
			return r.hop
		}
	}
	return hop{problem: "network is unreachable"}
}

func (m *memorySurroundings) Outgoing(state xfrm.State) hop { return m.Route(state.Dst, "") }

func (m *memorySurroundings) Ifindex(string) uint32 { return 0 }
func (m *memorySurroundings) Close() error          { return nil }

// changeSA changes the state of testSAID.
func (m *memorySurroundings) changeSA(change func(*xfrm.Life)) {
	life := m.sas[testSAID]
	change(&life)
	m.sas[testSAID] = life
}
