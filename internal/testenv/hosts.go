// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Names returns a few protocols and services.
func Names() *eroute.Names {
	names, err := eroute.LoadNames(
		strings.NewReader("icmp 1 ICMP\ntcp 6 TCP\nudp 17 UDP\nesp 50 IPSEC-ESP\n"),
		strings.NewReader("ssh 22/tcp\nisakmp 500/udp\npop3 110/tcp pop-3\n"))
	if err != nil {
		panic(err)
	}
	return names
}

// hosts is a resolver with a few names. Looking up a host without addresses fails.
type hosts map[string][]netip.Addr

// Hosts is a resolver of some names in the domain example.
var Hosts = hosts{
	"gw.example":     {netip.MustParseAddr("192.0.2.1")},
	"gw6.example":    {netip.MustParseAddr("3049:1::1")},
	"dual.example":   {netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("3049:1::7")},
	"many.example":   {netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("192.0.2.1")},
	"broken.example": nil,
}

// LookupNetIP implements [eroute.Resolver].
func (h hosts) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	addrs, known := h[host]
	if !known {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if addrs == nil {
		return nil, &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
	}
	var of []netip.Addr
	for _, addr := range addrs {
		if addr.Is4() == (network == "ip4") {
			of = append(of, addr)
		}
	}
	return of, nil
}
