// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/cost"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

func TestTable(t *testing.T) {
	checkFindings(t, tableCheck, &Facts{}, want{Note, "", "no table"})
	checkFindings(t, tableCheck, &Facts{TableError: errors.New("map gone")}, want{Problem, "", "map gone"})
	checkFindings(t, tableCheck, &Facts{Table: &Table{Stats: maps.Stats{Eroutes: 89, Limit: 100}}})
	checkFindings(t, tableCheck, &Facts{
		Table: &Table{Stats: maps.Stats{Eroutes: 90, Limit: 100}, HalfWritten: true},
	}, want{Problem, "", "killed"}, want{Problem, "", "90 eroutes of 100"})
	checkFindings(t, tableCheck, &Facts{Table: &Table{Stats: maps.Stats{Limit: 100}, HalfRestored: true}}, want{Note, "", "none of its eroutes"})
}

func TestCost(t *testing.T) {
	w := cost.Worst{
		Packet: eroute.Packet{Src: netip.MustParseAddr("10.1.2.3"), Dst: netip.MustParseAddr("10.2.0.1"), Proto: 6, SrcPort: 1024, DstPort: 1024},
		Time:   30 * time.Microsecond, AtMost: 30 * time.Microsecond, Lookups: 300,
		Sources: []cost.Source{{Prefix: netip.MustParsePrefix("10.1.2.3/32"), Eroutes: 40}, {Prefix: netip.MustParsePrefix("10.1.2.0/24"), Eroutes: 7}},
	}
	over := func(measured time.Duration) *Facts {
		return &Facts{Table: &Table{Expensive: []Expensive{{w, measured}}}}
	}
	checkFindings(t, costCheck, &Facts{Table: &Table{}})
	checkFindings(t, costCheck, over(cost.Limit4)) // the estimate was too high
	checkFindings(t, costCheck, over(50*time.Microsecond), want{Note, "",
		"a packet 10.1.2.3:1024 -> 10.2.0.1:1024 protocol 6 takes about 50µs to look up: 300 lookups in 47 eroutes of 2 nested sources, 10.1.2.3/32, 10.1.2.0/24"})
	checkFindings(t, costCheck, over(0), want{Note, "", "takes about 30µs"})
	w.Sources, w.Packet, w.AtMost = nil, eroute.Packet{}, 70*time.Microsecond
	checkFindings(t, costCheck, over(0), want{Note, "", "up to 70µs"})
}

func TestDevice(t *testing.T) {
	checkFindings(t, deviceCheck, &Facts{}, want{Note, "", "no ipsec device"})
	checkFindings(t, deviceCheck, &Facts{Devices: []Device{ipsec0()}})

	deleted := ipsec0()
	deleted.Exists = false
	checkFindings(t, deviceCheck, &Facts{Devices: []Device{deleted}}, want{Problem, "ipsec0", "was deleted"})

	broken := ipsec0()
	broken.Up, broken.Detached = false, []loader.Hook{loader.HookEgress, loader.HookXDP}
	checkFindings(t, deviceCheck, &Facts{Devices: []Device{broken}}, want{Problem, "ipsec0", "down"},
		want{Problem, "ipsec0", "egress program"}, want{Problem, "ipsec0", "xdp program"})

	late := ipsec0()
	late.Before = []Foreign{{"ipsec0", "other (id 7)", loader.HookEgress}, {"lan", "other (id 8)", loader.HookTC}}
	checkFindings(t, deviceCheck, &Facts{Devices: []Device{late}},
		want{Problem, "ipsec0", "program other (id 7) runs before the egress program on ipsec0"},
		want{Note, "lan", "program other (id 8) runs before the tc program on lan"})
	for _, hook := range []loader.Hook{loader.HookEgress, loader.HookDetour, loader.HookXDP, loader.HookTC, loader.HookSADelete, loader.HookSAExhausted} {
		if lost[hook] == "" {
			t.Errorf("no cost of a detached %s program", hook)
		}
	}
}

func TestStep(t *testing.T) {
	d := ipsec0()
	checkFindings(t, syncCheck, &Facts{Devices: []Device{d}})
	d.Detached = []loader.Hook{loader.HookTC} // reported with the interface
	d.Differences = []device.Difference{
		{Text: "wan does not exist", Cost: "packets are dropped", Missing: true}, {Text: "ingress interface lan does not exist", Missing: true}, {Text: "the MTU is wrong", Cost: "packets are dropped"},
	}
	checkFindings(t, syncCheck, &Facts{Devices: []Device{d}},
		want{Problem, "ipsec0", "wan does not exist"}, want{Note, "ipsec0", "lan does not exist"}, want{Problem, "ipsec0", "the MTU is wrong"})
	checkFindings(t, deviceCheck, &Facts{Devices: []Device{d}})
}

func TestSetting(t *testing.T) {
	d := ipsec0()
	checkFindings(t, settingsCheck, &Facts{Devices: []Device{d}})
	d.Drift = []string{"net.ipv4.conf.ipsec0.forwarding is 0, not 1"}
	checkFindings(t, settingsCheck, &Facts{Devices: []Device{d}}, want{Problem, "ipsec0", "forwarding is 0"})
}

func TestRelay(t *testing.T) {
	table := Table{}
	f := &Facts{Table: &table}
	checkFindings(t, relayCheck, f)
	table.Reasons = []maps.ReasonCount{{Name: "trap-no-relay", Packets: 3}}
	checkFindings(t, relayCheck, f, want{Problem, "", "3 packets"})
	table.Relay = true
	checkFindings(t, relayCheck, f, want{Note, "", "no key manager"})
	f.Listeners = 1
	checkFindings(t, relayCheck, f)
	table = Table{Stats: maps.Stats{Answered: 1}}
	checkFindings(t, relayCheck, f, want{Problem, "", "no relay"})
}

func TestSA(t *testing.T) {
	said := eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x135, Dst: netip.MustParseAddr("192.0.2.2")}
	name := said.String()
	sa := SA{SAUse: maps.SAUse{SAID: said, Eroutes: 7, Usable: true}, Tunnel: true, PeerDev: "wan"}
	f := &Facts{SAs: []SA{sa}, Devices: []Device{{Attachment: device.Attachment{Virtual: "ipsec0"}}}}
	checkFindings(t, saCheck, f)
	checkFindings(t, peerCheck, f)
	f.SAs[0].PeerDev = "ipsec0"
	checkFindings(t, peerCheck, f, want{Problem, name, "routed into ipsec0"})
	f.SAs[0].PeerDev, f.SAs[0].NoRoute = "", true
	checkFindings(t, peerCheck, f, want{Problem, said.String(), "no route to the peer"})
	f.SAs[0].VRF = &VRF{"blue", 10}
	checkFindings(t, peerCheck, f, want{Problem, said.String(), "only VRF blue has a route"})
	f.SAs[0].Foreign = netip.MustParseAddr("192.0.2.9")
	checkFindings(t, peerCheck, f, want{Problem, said.String(), "192.0.2.9, which is not an address of this gateway"})
	f.SAs[0].Tunnel = false // normal in transport mode
	checkFindings(t, peerCheck, f)
	f.SAs[0].Aside = true
	checkFindings(t, saCheck, f, want{Note, name, name + " is set aside"})
	f.SAs[0].Aside = false
	f.SAs[0].OneCPU, f.SAs[0].ByCPU = true, true
	checkFindings(t, saCheck, f)
	f.SAs[0].Others = true
	checkFindings(t, saCheck, f, want{Problem, name, "eroutes other than groups by CPU do not use " + name})
	f.SAs[0].Usable = false
	checkFindings(t, saCheck, f, want{Problem, name, "not bound to its eroutes yet"})
	bundle := SA{SAUse: maps.SAUse{SAID: eroute.SAID{Proto: eroute.ProtoAH, SPI: 0x3000, Dst: said.Dst, Inner: eroute.Inner{ESP: said.SPI}}, Usable: true}}
	f.SAs = append(f.SAs, bundle)
	checkFindings(t, saCheck, f, want{Problem, name, "cannot be used: " + bundle.SAID.String() + " uses a state of it"})
	f.SAs = f.SAs[:1]
	f.SAs[0].Problem = xfrm.ErrUnsupported
	checkFindings(t, saCheck, f, want{Problem, name, "cannot be used"})
	f.SAs[0].Problem = xfrm.ErrNoState
	checkFindings(t, saCheck, f, want{Problem, name, "does not exist"})
	if got := saCheck.find(f)[0].Cost; got != "packets of 7 eroutes are dropped, counted as sa-missing" {
		t.Errorf("cost %q", got)
	}
}

// TestSAOfCPU checks the cause that is named for an SA that is bound to a CPU, before its eroutes are bound to it.
func TestSAOfCPU(t *testing.T) {
	said := eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x135, Dst: netip.MustParseAddr("192.0.2.2")}
	state := xfrm.State{OneCPU: true, CPU: 1}
	for byCPU, text := range map[bool]string{true: "not bound to its eroutes yet", false: "is bound to CPU 1, which only --spread cpu can use"} {
		sa := SA{SAUse: maps.SAUse{SAID: said, Eroutes: 1, ByCPU: byCPU, Others: !byCPU}}
		sa.Problem = sa.refused(state)
		checkFindings(t, saCheck, &Facts{SAs: []SA{sa}}, want{Problem, said.String(), text})
	}
}
