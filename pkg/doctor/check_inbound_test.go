// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

func TestInbound(t *testing.T) {
	own := netip.MustParseAddr("192.1.2.23")
	key := xfrm.StateKey{Dst: own, SPI: 0x1000, Proto: unix.IPPROTO_ESP}
	facts := func(change func(*Facts, *xfrm.Usage)) *Facts {
		f := &Facts{
			Devices: []Device{ipsec0()}, Interfaces: []Interface{{Name: "lan", Ingress: true}, {Name: "wan", Physical: true, Exists: true}},
			Usages: []xfrm.Usage{{State: xfrm.State{StateKey: key, Mode: xfrm.ModeTransport}}},
			Own:    map[netip.Addr]bool{own: true}, ESP4Offload: true,
		}
		f.Devices[0].Kind = device.KindXFRM
		change(f, &f.Usages[0])
		return f
	}
	for _, c := range []struct {
		change  func(*Facts, *xfrm.Usage)
		level   Level // "": no finding
		text    string
		subject xfrm.StateKey
	}{
		{func(*Facts, *xfrm.Usage) {}, Note, "are lost if they are fragments", key},
		{func(_ *Facts, s *xfrm.Usage) { s.Proto = unix.IPPROTO_AH }, Problem, "GRO receives ESP only", xfrm.StateKey{Dst: own, SPI: 0x1000, Proto: unix.IPPROTO_AH}},
		{func(_ *Facts, s *xfrm.Usage) { s.Outer.Proto = unix.IPPROTO_UDP }, Problem, "ESP in UDP", key},
		{func(f *Facts, _ *xfrm.Usage) { f.ESP4Offload = false }, Problem, "esp4_offload is not loaded", key},
		{func(f *Facts, _ *xfrm.Usage) { f.Interfaces[1].WithoutGRO = []string{"eth0", "eth1"} }, Problem, "GRO is off for eth0, eth1", key},
		{func(f *Facts, _ *xfrm.Usage) { f.Interfaces[1].LimitOfGRO = "wan is a veth" }, Note, "if they are fragments: wan is a veth", key},
		{func(f *Facts, _ *xfrm.Usage) { f.addTunnel(unix.IPPROTO_COMP) }, Problem, "IPComp did not make smaller", key},
		{func(f *Facts, _ *xfrm.Usage) { f.addTunnel(unix.IPPROTO_AH) }, Note, "are lost if they are fragments", key},
		{func(f *Facts, s *xfrm.Usage) {
			s.Proto = unix.IPPROTO_AH
			f.addTunnel(unix.IPPROTO_ESP)
		}, Problem, "GRO receives ESP only", xfrm.StateKey{Dst: own, SPI: 0x1000, Proto: unix.IPPROTO_AH}},
		{func(f *Facts, s *xfrm.Usage) {
			s.Proto = unix.IPPROTO_AH
			f.addTunnel(unix.IPPROTO_ESP)
			said := eroute.SAID{Proto: eroute.ProtoAH, SPI: 0x3000, Dst: f.Usages[0].Src, Inner: eroute.Inner{ESP: 0x3001}}
			f.SAs = append(f.SAs, SA{SAUse: maps.SAUse{SAID: said}})
		}, Note, "unless they belong to a bundle", xfrm.StateKey{Dst: own, SPI: 0x1000, Proto: unix.IPPROTO_AH}},
		{func(_ *Facts, s *xfrm.Usage) { s.Mode = xfrm.ModeTunnel }, "", "", key},
		{func(_ *Facts, s *xfrm.Usage) { s.Dst = netip.MustParseAddr("192.1.2.45") }, "", "", key},
		{func(f *Facts, _ *xfrm.Usage) { f.Devices = nil }, "", "", key},
		{func(f *Facts, _ *xfrm.Usage) { f.Devices[0].Kind = "tun" }, "", "", key},
	} {
		var wants []want
		if c.level != "" {
			wants = []want{{c.level, c.subject.String(), c.text}}
		}
		checkFindings(t, inboundCheck, facts(c.change), wants...)
	}
}

// addTunnel adds an SA in tunnel mode with the addresses of the first SA.
func (f *Facts) addTunnel(proto uint8) {
	u := f.Usages[0]
	u.Proto, u.SPI, u.Mode = proto, 0x2000, xfrm.ModeTunnel
	f.Usages = append(f.Usages, u)
}
