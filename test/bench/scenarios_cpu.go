// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
	"github.com/ipsec-eroute/eroute/test/bench/figures"
)

// cpuScenario is a configuration of a gateway that sends on one CPU and on two.
type cpuScenario struct {
	name    string
	prepare cpuPreparation
	shares  func(cpus, packets int) []limits // of the packets that each SA carries
	ownSAs  bool                             // no two CPUs use the same SA: the peer gets the packets of an SA in order
	pcrypt  bool                             // for AES-GCM only; packets are encrypted after they were sent, if there is room
}

// cpuPreparation configures a gateway and returns its SAs, which have that cipher.
type cpuPreparation func(ctx context.Context, g *gateway, suite string) ([]*lab.SA, error)

// limits are the least and the most packets.
type limits struct{ least, most int }

// cpuScenarios are prepared in this order. Those without eroutes come first: the module esp4_offload, which an attach loads
// and which stays loaded, makes ESP more expensive. pcrypt is last: SAs that are added later use it.
var cpuScenarios = []cpuScenario{
	{name: figures.Plain, prepare: noSA, shares: none, ownSAs: true},
	{name: "XFRM policy, one SA", prepare: policyTo(oneSA, ""), shares: one},
	{name: figures.KernelByCPU, prepare: policyTo(perCPU, cpuFlag), shares: byCPU, ownSAs: true},
	{name: figures.OneSA, prepare: erouteTo(oneSA, 0), shares: one},
	{name: figures.ByFlow, prepare: erouteTo(twoSAs, eroute.SpreadFlow), shares: byFlow},
	{name: figures.ByCPU, prepare: erouteTo(perCPU, eroute.SpreadCPU), shares: byCPU, ownSAs: true},
	{name: figures.KernelByCPU + ", esp4_offload", prepare: policyTo(perCPU, cpuFlag), shares: byCPU, ownSAs: true},
	{name: "XFRM policy, one SA, pcrypt", prepare: withPcrypt(policyTo(oneSA, "")), shares: one, pcrypt: true},
}

// The SAs of scenarios: their addresses and cipher are added.
var (
	oneSA  = []lab.Tunnel{{ReqID: cpuReqid}}
	twoSAs = []lab.Tunnel{{ReqID: cpuReqid}, {ReqID: cpuReqid}}
	perCPU = []lab.Tunnel{{ReqID: cpuReqid, OneCPU: true, CPU: 0}, {ReqID: cpuReqid, OneCPU: true, CPU: 1}, {ReqID: cpuReqid}} // the last one is for packets of other CPUs
)

func none(int, int) []limits { return nil }

// one is one SA for all packets.
func one(cpus, packets int) []limits { return []limits{{cpus * packets, cpus * packets}} }

// byFlow is two SAs with about the same number of packets.
func byFlow(cpus, packets int) []limits {
	each := limits{cpus * packets / 4, cpus * packets * 3 / 4}
	return []limits{each, each}
}

// byCPU is an SA for each CPU, and one that none needs.
func byCPU(cpus, packets int) []limits {
	return []limits{{packets, packets}, {(cpus - 1) * packets, (cpus - 1) * packets}, {}}
}

func noSA(context.Context, *gateway, string) ([]*lab.SA, error) { return nil, nil }

// cpuReqid is the reqid of the SAs.
const cpuReqid = 7

// installSAs installs SAs from East to West.
func (g *gateway) installSAs(tunnels []lab.Tunnel, suite string) (sas []*lab.SA, err error) {
	for _, t := range tunnels {
		t.From, t.To, t.Suite = g.East, g.West, suite
		sa, err := t.Install()
		if err != nil {
			return nil, err
		}
		sas = append(sas, sa)
	}
	return sas, nil
}

// cpuFlag is XFRM_POLICY_CPU_ACQUIRE (include/uapi/linux/xfrm.h): XFRM then requests an SA for each CPU.
const cpuFlag = "flag 0x4"

// policyTo gives East one policy for everything.
func policyTo(tunnels []lab.Tunnel, flag string) cpuPreparation {
	return func(ctx context.Context, g *gateway, suite string) ([]*lab.SA, error) {
		sas, err := g.installSAs(tunnels, suite)
		if err != nil {
			return nil, err
		}
		return sas, g.addPolicies(ctx, []eroute.Selector{everything}, g.template(tunnels[0], flag))
	}
}

// template is the end of an out policy to SAs with the reqid of t.
func (g *gateway) template(t lab.Tunnel, options string) string {
	return fmt.Sprintf("dir out %s tmpl src %s dst %s proto esp reqid %d mode tunnel", options, g.East.WAN4, g.West.WAN4, t.ReqID)
}

// everything is the selector of all packets of the generator.
var everything = eroute.Selector{Src: netip.MustParsePrefix("0.0.0.0/0"), Dst: netip.MustParsePrefix("64.0.0.0/2")}

// erouteTo gives East one eroute for everything: to the SA, or to a group of the SAs.
func erouteTo(tunnels []lab.Tunnel, spread eroute.Spread) cpuPreparation {
	return func(ctx context.Context, g *gateway, suite string) (sas []*lab.SA, err error) {
		return sas, attachedAs(device.Config{Physical: lab.WAN}, func(ctx context.Context, g *gateway, _ int) ([]eroute.Selector, eroute.SAID, error) {
			if sas, err = g.installSAs(tunnels, suite); err != nil {
				return nil, eroute.SAID{}, err
			}
			saids := make([]eroute.SAID, len(sas))
			for i, sa := range sas {
				if saids[i], err = eroute.ParseSAID(ctx, sa.TunSAID(), nil); err != nil {
					return nil, saids[i], err
				}
			}
			said := saids[0]
			if spread != 0 {
				said, err = eroute.NewGroup(spread, saids...)
			}
			return []eroute.Selector{everything}, said, err
		})(ctx, g, 1)
	}
}

// carried are the packets that XFRM has counted of SAs.
func (g *gateway) carried(sas []*lab.SA) (packets []int, err error) {
	return packets, g.East.Do(func() error {
		h, err := xfrm.Open()
		if err != nil {
			return err
		}
		defer h.Close()
		for _, sa := range sas {
			said, err := eroute.ParseSAID(context.Background(), sa.TunSAID(), nil)
			if err != nil {
				return err
			}
			s, err := h.State(said)
			if err != nil {
				return err
			}
			packets = append(packets, int(s.Packets))
		}
		return nil
	})
}

// checkShares returns an error if the SAs did not carry the packets of a run that they should.
func (s cpuScenario) checkShares(before, after []int, cpus, packets int) error {
	var wrong []string
	for i, want := range s.shares(cpus, packets) {
		if n := after[i] - before[i]; n < want.least || n > want.most {
			wrong = append(wrong, fmt.Sprintf("SA %d carried %d packets, not %d to %d", i, n, want.least, want.most))
		}
	}
	if wrong != nil {
		return fmt.Errorf("%s, on %d CPUs: %s", s.name, cpus, strings.Join(wrong, ", "))
	}
	return nil
}
