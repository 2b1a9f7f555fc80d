// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/vm"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/test/bench/figures"
)

// transferBytes is the content of one TCP connection.
const transferBytes = 16 << 20

// tcpSubjects are ways of encrypting a connection with the null cipher. An attach loads esp4_offload, which stays loaded.
var tcpSubjects = []struct {
	name    string
	protect func(ctx context.Context, g *gateway, sa *lab.SA) error // nil: in clear
}{
	{"plain", nil},
	{"one-policy", onePolicy},
	{"eroute", func(ctx context.Context, g *gateway, sa *lab.SA) error { return oneEroute(ctx, g, sa) }},
	{"eroute-ingress", func(ctx context.Context, g *gateway, sa *lab.SA) error { return oneEroute(ctx, g, sa, lab.LAN) }},
	{"one-policy-offload", onePolicy},
}

// tcp counts instructions for TCP from EastHost to WestHost, through both gateways, in a VM in which one takes a nanosecond.
// East encrypts; what West sends back is in clear.
func (b *bench) tcp(ctx context.Context) error {
	if !b.guest {
		return b.inVM(ctx, vm.Guest{Count: true}, figures.TCP)
	}
	c := figures.Case{Section: figures.TCP}
	b.progress(c)
	rounds := figures.Rounds{}
	for _, s := range tcpSubjects {
		for range b.Rounds {
			each, err := transfer(ctx, s.protect)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			rounds[s.name] = append(rounds[s.name], each)
		}
	}
	b.Add(c, rounds)
	return nil
}

// transfer returns the instructions for a KiB.
func transfer(ctx context.Context, protect func(context.Context, *gateway, *lab.SA) error) (each float64, err error) {
	l, err := lab.New("bench")
	if err != nil {
		return 0, err
	}
	g := &gateway{Lab: l, undo: []func() error{l.Close}}
	defer func() { err = errors.Join(err, g.close()) }()
	sa, err := lab.Tunnel{From: g.East, To: g.West, Suite: lab.Null}.Install()
	if err != nil {
		return 0, err
	}
	if protect != nil {
		if err := protect(ctx, g, sa); err != nil {
			return 0, err
		}
	}
	capture, err := g.East.Capture(lab.WAN) // of the first connection only: it is not measured
	if err != nil {
		return 0, err
	}
	t := lab.Transfer{
		From: g.EastHost, To: g.WestHost, Src: netip.AddrPortFrom(g.EastHost.LAN4, 0), Dst: netip.AddrPortFrom(g.WestHost.LAN4, 0), Bytes: 1 << 16,
	}
	if _, err := t.Run(ctx); err != nil {
		_, stopErr := capture.Stop()
		return 0, errors.Join(err, stopErr)
	}
	frames, err := capture.Stop()
	if err != nil {
		return 0, err
	}
	if n := frames.Count(lab.Match{Outgoing: true, Proto: layers.IPProtocolESP}); (n > 0) != (protect != nil) {
		return 0, fmt.Errorf("%d packets of ESP left", n)
	}
	t.Bytes = transferBytes
	took, err := t.Run(ctx)
	return float64(took.Nanoseconds()) / (transferBytes >> 10), err
}

// onePolicy gives East a policy for everything between the hosts' networks.
func onePolicy(ctx context.Context, g *gateway, sa *lab.SA) error {
	args := fmt.Sprintf("xfrm policy add src %s dst %s dir out tmpl src %s dst %s proto esp spi 0x%x mode tunnel", lab.EastLAN4, lab.WestLAN4, sa.Src, sa.Dst, sa.SPI)
	_, err := g.East.IP(ctx, strings.Fields(args)...)
	return err
}

func oneEroute(ctx context.Context, g *gateway, sa *lab.SA, ingress ...string) error {
	table, err := g.attach(ctx, device.Config{Physical: lab.WAN, Ingress: ingress})
	if err != nil {
		return err
	}
	said, err := eroute.ParseSAID(ctx, sa.TunSAID(), nil)
	if err != nil {
		return err
	}
	return g.East.Do(func() error {
		return load(ctx, table, []eroute.Selector{{Src: lab.EastLAN4, Dst: lab.WestLAN4}}, said)
	})
}
