// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"net/netip"
	"testing"
)

func TestSelectorContains(t *testing.T) {
	of := func(src, dst string, proto uint8, sport, dport uint16) Selector {
		return Selector{netip.MustParsePrefix(src), netip.MustParsePrefix(dst), proto, sport, dport}
	}
	site := of("10.1.0.0/16", "10.2.0.0/16", 0, 0, 0)
	mail := of("10.1.0.0/16", "10.2.0.0/16", ProtoTCP, 0, 25)
	for _, test := range []struct {
		outer, inner Selector
		want         bool
	}{
		{site, site, true},
		{site, mail, true},
		{mail, site, false},
		{mail, of("10.1.9.0/24", "10.2.0.1/32", ProtoTCP, 1024, 25), true},
		{mail, of("10.1.9.0/24", "10.2.0.1/32", ProtoTCP, 1024, 26), false},
		{site, of("10.0.0.0/8", "10.2.0.0/16", 0, 0, 0), false},
		{site, of("10.1.0.0/16", "10.3.0.0/16", 0, 0, 0), false},
		{of("0.0.0.0/0", "0.0.0.0/0", 0, 0, 0), of("2001:db8::/32", "::/0", 0, 0, 0), false},
		{Selector{}, site, false},
	} {
		if got := test.outer.Contains(test.inner); got != test.want {
			t.Errorf("%+v contains %+v: %v, want %v", test.outer, test.inner, got, test.want)
		}
	}
}
