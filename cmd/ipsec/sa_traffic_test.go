// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/schema"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/explain"
)

// TestListTraffic checks that the listing as JSON has the traffic of the SAs of a group that exist, unless XFRM cannot be
// read.
func TestListTraffic(t *testing.T) {
	absent := eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x2000, Dst: netip.MustParseAddr("198.51.100.2")}
	group, err := eroute.NewGroup(eroute.SpreadFailover, absent, testSAID, testSAID)
	if err != nil {
		t.Fatal(err)
	}
	m := newGateway(t, group)
	const traffic = `"sas":[{"said":"tun0x1000@192.0.2.2","packets":3,"bytes":300}]`
	_, stdout, stderr := runMemory(m, "", "eroute", "--json")
	if err := schema.Check([]byte(stdout)); err != nil || !strings.Contains(stdout, traffic) {
		t.Errorf("%s%s, %v, want %s", stdout, stderr, err, traffic)
	}
	traffics := saTraffic{open: func() (explain.KernelView, error) { return nil, unix.EPERM }}
	if got, err := traffics.of(testSAID); got != nil || err != nil {
		t.Errorf("without permission: %v, %v", got, err)
	}
	traffics = saTraffic{open: func() (explain.KernelView, error) { return nil, unix.EIO }}
	if got, err := traffics.of(testSAID); got != nil || err == nil {
		t.Errorf("with an error: %v, %v", got, err)
	}
}
