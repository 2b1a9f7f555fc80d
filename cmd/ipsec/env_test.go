// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"strings"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// testEnv returns an environment without tables, devices and resolver.
func testEnv(stdin io.Reader, stdout, stderr io.Writer) *env {
	return &env{
		stdin: stdin, stdout: stdout, stderr: stderr,
		openFile: func(name string) (io.ReadCloser, error) {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		},
		settings: "settings.toml", resolver: testHosts, names: testNames, version: "1.2.3",
		xfrmCounters: func() (map[string]uint64, error) {
			return map[string]uint64{"XfrmOutNoStates": 12, "XfrmInNoPols": 0}, nil
		},
		diagnose:   testFindings,
		policies:   testPolicies,
		interfaces: func() []string { return []string{"ipsec0", "lan", "wan"} },
	}
}

func testNames() *eroute.Names {
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

var testHosts = hosts{
	"gw.example":     {netip.MustParseAddr("192.0.2.1")},
	"gw6.example":    {netip.MustParseAddr("3049:1::1")},
	"dual.example":   {netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("3049:1::7")},
	"many.example":   {netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("192.0.2.1")},
	"broken.example": nil,
}

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
