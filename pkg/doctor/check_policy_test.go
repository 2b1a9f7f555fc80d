// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// policyFacts returns an SA of both families whose state exists, and its state in XFRM.
func policyFacts() (sa SA, state xfrm.State) {
	said := eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x135, Dst: netip.MustParseAddr("192.0.2.2")}
	key := xfrm.StateKey{Proto: eroute.ProtoESP, SPI: said.SPI, Dst: said.Dst}
	sa = SA{SAUse: maps.SAUse{SAID: said, Eroutes: 7, Usable: true, IfID: xfrm.IfIDBase, Inner: xfrm.IPv4 | xfrm.IPv6}}
	return sa, xfrm.State{StateKey: key, IfID: xfrm.IfIDBase, Inner: xfrm.IPv4 | xfrm.IPv6}
}

func TestPolicies(t *testing.T) {
	d := ipsec0()
	sa, state := policyFacts()
	sa.judge(state, nil, nil, nil, map[uint32]xfrm.Binding{xfrm.IfIDBase: {Families: xfrm.IPv4 | xfrm.IPv6}})
	checkFindings(t, policyCheck, &Facts{Devices: []Device{d}, SAs: []SA{sa}})
	d.Flushed = true
	sa.judge(state, nil, nil, nil, map[uint32]xfrm.Binding{xfrm.IfIDBase: {Families: xfrm.IPv4}})
	checkFindings(t, policyCheck, &Facts{Devices: []Device{d}, SAs: []SA{sa}},
		want{Problem, "ipsec0", "let packets reach it"}, want{Problem, sa.SAID.String(), "policies for IPv6"})
	absent, _ := policyFacts()
	absent.Usable = false // its packets are dropped before they need a policy
	absent.judge(state, nil, nil, nil, nil)
	checkFindings(t, policyCheck, &Facts{SAs: []SA{absent}})
}

func TestSpentAndMovedSA(t *testing.T) {
	sa, state := policyFacts()
	usages := []xfrm.Usage{{State: state, Packets: xfrm.Limit{Used: 5, Hard: 5}}}
	sa.judge(state, nil, usages, nil, nil)
	checkFindings(t, saCheck, &Facts{SAs: []SA{sa}}, want{Problem, sa.SAID.String(), "accepts no more packets: it has carried 5 packets of 5"})

	moved, state := policyFacts()
	state.Dst = netip.MustParseAddr("192.0.2.9")
	other := state
	other.IfID, other.Dst = 7, netip.MustParseAddr("192.0.2.8") // the same SPI by coincidence
	moved.Problem = xfrm.ErrNoState
	moved.judge(xfrm.State{}, xfrm.ErrNoState, nil, xfrm.States{state.StateKey: state, other.StateKey: other}, nil)
	checkFindings(t, saCheck, &Facts{SAs: []SA{moved}}, want{Problem, sa.SAID.String(), "has moved it to 192.0.2.9"})
}

func TestBundleWithoutSA(t *testing.T) {
	sa, last := policyFacts()
	sa.SAID.Proto, sa.SAID.Inner.Comp = eroute.ProtoESP, 0x100
	comp := xfrm.StateKey{Proto: eroute.ProtoComp, SPI: 0x100, Dst: last.Dst}
	states := xfrm.States{last.StateKey: last}
	judge := func() SA {
		sa := sa
		state, err := states.Find(sa.SAID)
		sa.Problem = err
		usages := []xfrm.Usage{{State: last}, {State: xfrm.State{StateKey: comp}, Packets: xfrm.Limit{Used: 5, Hard: 5}}}
		sa.judge(state, err, usages, states, nil)
		return sa
	}
	checkFindings(t, saCheck, &Facts{SAs: []SA{judge()}},
		want{Problem, sa.SAID.String(), "of the bundle " + sa.SAID.String() + ", comp0x100@" + last.Dst.String() + " does not exist"})
	states[comp] = xfrm.State{StateKey: comp, Inner: last.Inner}
	checkFindings(t, saCheck, &Facts{SAs: []SA{judge()}}, want{Problem, sa.SAID.String(), "accepts no more packets"})
}
