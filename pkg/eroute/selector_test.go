// SPDX-License-Identifier: Apache-2.0

package eroute_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// sel returns a selector; ports are source and destination.
func sel(src, dst string, proto uint8, ports ...uint16) eroute.Selector {
	s := eroute.Selector{Src: prefix(src), Dst: prefix(dst), Proto: proto}
	if len(ports) == 2 {
		s.SrcPort, s.DstPort = ports[0], ports[1]
	}
	return s
}

// pkt returns a packet; ports are source and destination.
func pkt(src, dst string, proto uint8, ports ...uint16) eroute.Packet {
	p := eroute.Packet{Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), Proto: proto}
	if len(ports) == 2 {
		p.SrcPort, p.DstPort = ports[0], ports[1]
	}
	return p
}

func TestSelectorMatches(t *testing.T) {
	for _, tt := range []struct {
		name     string
		selector eroute.Selector
		packet   eroute.Packet
		want     bool
	}{
		{"both nets", sel("192.0.2.0/24", "192.0.1.0/24", 0), pkt("192.0.2.1", "192.0.1.1", 1), true},
		{"other source", sel("192.0.2.0/24", "192.0.1.0/24", 0), pkt("192.0.3.1", "192.0.1.1", 1), false},
		{"other destination", sel("192.0.2.0/24", "192.0.1.0/24", 0), pkt("192.0.2.1", "192.0.3.1", 1), false},
		{"reversed", sel("192.0.2.0/24", "192.0.1.0/24", 0), pkt("192.0.1.1", "192.0.2.1", 1), false},
		{"v4 default", sel("0.0.0.0/0", "0.0.0.0/0", 0), pkt("192.0.2.1", "192.0.1.1", 1), true},
		{"v6 default", sel("::/0", "::/0", 0), pkt("2001:db8::1", "2001:db8::2", 58), true},
		{"v4 packet, v6 selector", sel("::/0", "::/0", 0), pkt("192.0.2.1", "192.0.1.1", 1), false},
		{"v6 packet, v4 selector", sel("0.0.0.0/0", "0.0.0.0/0", 0), pkt("2001:db8::1", "2001:db8::2", 58), false},
		{"mapped packet, v4 selector", sel("0.0.0.0/0", "0.0.0.0/0", 0), pkt("::ffff:192.0.2.1", "::ffff:192.0.1.1", 1), false},
		{"v4 packet, mapped selector", sel("::ffff:0.0.0.0/96", "::ffff:0.0.0.0/96", 0), pkt("192.0.2.1", "192.0.1.1", 1), false},
		{"mapped both", sel("::ffff:192.0.2.0/120", "::/0", 0), pkt("::ffff:192.0.2.1", "::ffff:192.0.1.1", 1), true},
		{"protocol", sel("10.0.0.0/8", "0.0.0.0/0", 6), pkt("10.0.0.1", "10.0.0.2", 6, 1, 2), true},
		{"other protocol", sel("10.0.0.0/8", "0.0.0.0/0", 6), pkt("10.0.0.1", "10.0.0.2", 17, 1, 2), false},
		{"source port", sel("10.0.0.0/8", "0.0.0.0/0", 6, 80, 0), pkt("10.0.0.1", "10.0.0.2", 6, 80, 9), true},
		{"other source port", sel("10.0.0.0/8", "0.0.0.0/0", 6, 80, 0), pkt("10.0.0.1", "10.0.0.2", 6, 9, 80), false},
		{"destination port", sel("10.0.0.0/8", "0.0.0.0/0", 17, 0, 53), pkt("10.0.0.1", "10.0.0.2", 17, 9, 53), true},
		{"other destination port", sel("10.0.0.0/8", "0.0.0.0/0", 17, 0, 53), pkt("10.0.0.1", "10.0.0.2", 17, 53, 9), false},
		{"both ports", sel("10.0.0.0/8", "0.0.0.0/0", 17, 500, 500), pkt("10.0.0.1", "10.0.0.2", 17, 500, 500), true},
		{"a fragment has no ports", sel("10.0.0.0/8", "0.0.0.0/0", 17, 0, 53), pkt("10.0.0.1", "10.0.0.2", 17), false},
		{"a fragment has a protocol", sel("10.0.0.0/8", "0.0.0.0/0", 17), pkt("10.0.0.1", "10.0.0.2", 17), true},
		{"a broken chain matches no protocol", sel("::/0", "::/0", 58), pkt("::1", "::2", 0), false},
		{"a broken chain matches an eroute for all", sel("::/0", "::/0", 0), pkt("::1", "::2", 0), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.selector.Matches(tt.packet); got != tt.want {
				t.Errorf("Matches = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestSelectorValidate(t *testing.T) {
	mixed := sel("10.0.0.0/8", "10.0.0.0/8", 0)
	mixed.Dst = prefix("::/0")
	for _, tt := range []struct {
		name     string
		selector eroute.Selector
		want     error
	}{
		{"nets", sel("10.0.0.0/8", "0.0.0.0/0", 0), nil},
		{"v6", sel("2001:db8::/32", "::/0", 58), nil},
		{"tcp port", sel("10.0.0.0/8", "0.0.0.0/0", 6, 80, 0), nil},
		{"udp port", sel("10.0.0.0/8", "0.0.0.0/0", 17, 0, 53), nil},
		{"nothing", eroute.Selector{}, eroute.ErrBadPrefix},
		{"no destination", eroute.Selector{Src: prefix("10.0.0.0/8")}, eroute.ErrBadPrefix},
		{"host bits in source", sel("10.0.0.7/24", "0.0.0.0/0", 0), eroute.ErrBadPrefix},
		{"host bits in destination", sel("0.0.0.0/0", "10.0.0.7/24", 0), eroute.ErrBadPrefix},
		{"mixed", mixed, eroute.ErrMixedFamilies},
		{"port without protocol", sel("10.0.0.0/8", "0.0.0.0/0", 0, 80, 0), eroute.ErrPortProtocol},
		{"port with ICMP", sel("10.0.0.0/8", "0.0.0.0/0", 1, 0, 80), eroute.ErrPortProtocol},
		{"port with SCTP", sel("10.0.0.0/8", "0.0.0.0/0", 132, 0, 80), eroute.ErrPortProtocol},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.selector.Validate(); !errors.Is(err, tt.want) {
				t.Errorf("Validate = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestFamily(t *testing.T) {
	if got := sel("10.0.0.0/8", "0.0.0.0/0", 0).Family(); got != eroute.Inet {
		t.Errorf("family %s, want inet", got)
	}
	if got := sel("::ffff:0.0.0.0/96", "::/0", 0).Family(); got != eroute.Inet6 {
		t.Errorf("family %s, want inet6", got)
	}
	for _, want := range []eroute.Family{eroute.Inet, eroute.Inet6} {
		if got, err := eroute.ParseFamily(want.String()); err != nil || got != want {
			t.Errorf("ParseFamily(%q) = %s, %v", want.String(), got, err)
		}
	}
	_, err := eroute.ParseFamily("INET")
	checkRefused(t, err, "INET", "inet or inet6")
}
