// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/explain"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// memoryKernel is a KernelView with values set by a test.
type memoryKernel struct {
	sas    map[eroute.SAID]xfrm.Lifetime
	ready  map[eroute.SAID]bool
	routes []memoryRoute // the first match wins
	own    netip.Addr
	relay  bool

	policies []xfrm.OutPolicy
	members  map[string][]string
}

type memoryRoute struct {
	to netip.Prefix
	explain.Hop
}

func (m *memoryKernel) SA(said eroute.SAID) (xfrm.Lifetime, error) {
	if life, ok := m.sas[said]; ok {
		return life, nil
	}
	return xfrm.Lifetime{}, xfrm.ErrNoState
}

func (m *memoryKernel) Policy(flow eroute.Selector) (*xfrm.OutPolicy, error) {
	return xfrm.PolicyFor(m.policies, flow), nil
}

func (m *memoryKernel) Route(dst netip.Addr, device string) explain.Hop {
	if dst == m.own {
		return explain.Hop{Problem: "local address of the gateway", Local: true}
	}
	for _, r := range m.routes {
		if r.to.Contains(dst) && (device == "" || r.Device == device) {
			return r.Hop
		}
	}
	return explain.Hop{Problem: "network is unreachable"}
}

func (m *memoryKernel) Outgoing(state xfrm.State) explain.Hop { return m.Route(state.Dst, "") }

func (m *memoryKernel) Ifindex(string) uint32          { return 0 }
func (m *memoryKernel) Members(device string) []string { return m.members[device] }

// OnlineCPUs returns those of a machine whose CPU 2 is offline.
func (m *memoryKernel) OnlineCPUs() ([]uint32, error) { return []uint32{0, 1, 3, 4}, nil }

func (m *memoryKernel) Close() error { return nil }

// changeSA changes the state of testSAID.
func (m *memoryKernel) changeSA(change func(*xfrm.Lifetime)) {
	life := m.sas[testSAID]
	change(&life)
	m.sas[testSAID] = life
}
