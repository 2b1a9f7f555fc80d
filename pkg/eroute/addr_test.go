// SPDX-License-Identifier: Apache-2.0

package eroute_test

import (
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

func TestParseAddr(t *testing.T) {
	for _, tt := range []struct {
		text   string
		family eroute.Family
		want   string
	}{
		{"192.0.2.1", 0, "192.0.2.1"},
		{"0xc0000201", eroute.Inet, "192.0.2.1"},
		{"2001:DB8::1", eroute.Inet6, "2001:db8::1"},
		{"::ffff:1.2.3.4", 0, "::ffff:1.2.3.4"},
		{"gw.example", eroute.Inet, "192.0.2.1"},
		{"both.example", 0, "192.0.2.2"},
		{"both.example", eroute.Inet6, "2001:db8::2"},
		{"six.example", 0, "2001:db8::6"},
	} {
		got, err := eroute.ParseAddr(t.Context(), tt.text, tt.family, testHosts)
		if err != nil || got.String() != tt.want {
			t.Errorf("ParseAddr(%q, %d) = %s, %v, want %s", tt.text, tt.family, got, err, tt.want)
		}
	}
}

func TestParseAddrRefuses(t *testing.T) {
	for _, tt := range []struct {
		text   string
		family eroute.Family
		reason string
	}{
		{"", 0, "neither an address nor a host name"},
		{"10.1", 0, "2 parts"}, // never 10.0.0.1
		{"10", eroute.Inet, "1 parts"},
		{"192.0.2.1/32", 0, "neither an address nor a host name"},
		{"192.0.2.01", 0, "leading zero"},
		{"192.0.2.1", eroute.Inet6, "is IPv4, not IPv6"},
		{"::ffff:1.2.3.4", eroute.Inet, "is IPv6, not IPv4"},
		{"fe80::1%1", 0, "zone"},
		{"many.example", 0, "several addresses: 192.0.2.8, 192.0.2.9"},
		{"nobody.example", 0, "no address"},
		{strings.Repeat("a", 64), 0, "neither an address nor a host name"},
		{strings.Repeat("a.", 128), 0, "neither an address nor a host name"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			_, err := eroute.ParseAddr(t.Context(), tt.text, tt.family, testHosts)
			checkRefused(t, err, tt.text, tt.reason)
		})
	}
	_, err := eroute.ParseAddr(t.Context(), "gw.example", 0, nil)
	checkRefused(t, err, "gw.example", "not resolved")
}
