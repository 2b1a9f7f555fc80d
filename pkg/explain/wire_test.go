// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

func TestLinkScope(t *testing.T) {
	for dst, want := range map[string]bool{
		"224.0.0.1": true, "224.0.1.1": false, "239.1.1.1": false, "255.255.255.255": true, "10.0.0.255": false,
		"ff01::1": true, "ff02::1": true, "ff12::1": true, "ff05::1": false, "fe80::1": true, "2001:db8::1": false,
	} {
		if got := isLinkScope(netip.MustParseAddr(dst)); got != want {
			t.Errorf("isLinkScope(%s) = %v", dst, got)
		}
	}
}

func TestDHCP(t *testing.T) {
	const udp, tcp = 17, 6
	four, six := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for p, want := range map[eroute.Packet]bool{
		{Dst: four, Proto: udp, SrcPort: 68, DstPort: 67}:   true,
		{Dst: six, Proto: udp, SrcPort: 546, DstPort: 547}:  true,
		{Dst: four, Proto: udp, SrcPort: 67, DstPort: 68}:   false,
		{Dst: four, Proto: tcp, SrcPort: 68, DstPort: 67}:   false,
		{Dst: four, Proto: udp, SrcPort: 546, DstPort: 547}: false,
	} {
		if got := isDHCP(p); got != want {
			t.Errorf("isDHCP(%+v) = %v", p, got)
		}
	}
}
