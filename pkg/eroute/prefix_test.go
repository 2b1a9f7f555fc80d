// SPDX-License-Identifier: Apache-2.0

package eroute_test

import (
	"errors"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

func TestParsePrefix(t *testing.T) {
	for _, tt := range []struct {
		text   string
		family eroute.Family
		want   string
	}{
		{"192.0.2.0/24", 0, "192.0.2.0/24"},
		{"192.0.2.0/24", eroute.Inet, "192.0.2.0/24"},
		{"10.0.0.7/24", 0, "10.0.0.0/24"},
		{"255.255.255.255/32", 0, "255.255.255.255/32"},
		{"1.2.3.4/0", 0, "0.0.0.0/0"},
		{"0/0", 0, "0.0.0.0/0"},
		{"10/8", 0, "10.0.0.0/8"},
		{"10.0.1/24", 0, "10.0.1.0/24"},
		{"10.1/16", eroute.Inet, "10.1.0.0/16"},
		{"10/32", 0, "10.0.0.0/32"},
		{"0x0a000107/24", 0, "10.0.1.0/24"},
		{"0xC0000201/32", 0, "192.0.2.1/32"},
		{"10.0.0.7/255.255.255.0", 0, "10.0.0.0/24"},
		{"10.0.0.7/255.255.255.255", 0, "10.0.0.7/32"},
		{"10.0.0.7/0.0.0.0", 0, "0.0.0.0/0"},
		{"10.0.0.7/128.0.0.0", 0, "0.0.0.0/1"},
		{"10.0.0.7/0xffffff00", 0, "10.0.0.0/24"},
		{"10.0.0.7/0xFFFE0000", 0, "10.0.0.0/15"},
		{"10.0.0.7/0x00000000", 0, "0.0.0.0/0"},
		{"0x0a000007/0xffffff00", 0, "10.0.0.0/24"},
		{"%default", eroute.Inet, "0.0.0.0/0"},
		{"%default", eroute.Inet6, "::/0"},

		{"3049:1::1/128", 0, "3049:1::1/128"},
		{"3049:2::7/64", eroute.Inet6, "3049:2::/64"},
		{"2001:DB8:0:0:1:0:0:1/128", 0, "2001:db8::1:0:0:1/128"},
		{"2001:db8::ffff/127", 0, "2001:db8::fffe/127"},
		{"::/0", 0, "::/0"},
		{"::ffff:1.2.3.4/128", 0, "::ffff:1.2.3.4/128"},
		{"::ffff:1.2.3.4/120", eroute.Inet6, "::ffff:1.2.3.0/120"},
		{"::1.2.3.4/128", 0, "::102:304/128"},

		{"gw.example/32", 0, "192.0.2.1/32"},
		{"gw.example/24", eroute.Inet, "192.0.2.0/24"},
		{"gw.example/255.255.0.0", 0, "192.0.0.0/16"},
		{"both.example/32", 0, "192.0.2.2/32"},
		{"both.example/64", eroute.Inet6, "2001:db8::/64"},
		{"both.example/64", 0, "2001:db8::/64"}, // no IPv4 mask
		{"six.example/32", 0, "2001:db8::/32"},
		{"six.example/127", eroute.Inet6, "2001:db8::6/127"},
		{"wrongfamily.example/32", 0, "2001:db8::/32"},
		{"many.example/31", 0, "192.0.2.8/31"},
		{"many.example/24", eroute.Inet, "192.0.2.0/24"},
		{"many6.example/64", 0, "2001:db8::/64"},
		{"spread.example/4", 0, "192.0.0.0/4"},
		{"3com.example./32", 0, "192.0.2.3/32"},
		{"net_1/32", 0, "192.0.2.11/32"},
	} {
		got, err := eroute.ParsePrefix(t.Context(), tt.text, tt.family, testHosts)
		if err != nil || got != prefix(tt.want) {
			t.Errorf("ParsePrefix(%q, %d) = %s, %v, want %s", tt.text, tt.family, got, err, tt.want)
		}
	}
}

func TestParsePrefixRefuses(t *testing.T) {
	for _, tt := range []struct {
		text   string
		family eroute.Family
		reason string
	}{
		{"", 0, "no '/'"},
		{"10.0.0.1", 0, "no '/'"},
		{"::1", 0, "no '/'"},
		{"gw.example", 0, "no '/'"},
		{"%defaults", eroute.Inet, "no '/'"},
		{"%default/0", eroute.Inet, "neither an address nor a host name"},
		{"/24", 0, "neither an address nor a host name"},
		{"10.0.0.0/8", eroute.Inet6, "is IPv4, not IPv6"},
		{"10/8", eroute.Inet6, "is IPv4, not IPv6"},
		{"::/0", eroute.Inet, "is IPv6, not IPv4"},
		{"::ffff:1.2.3.4/128", eroute.Inet, "is IPv6, not IPv4"},

		{"10.0.0.0/33", 0, "at most 32 bits"},
		{"10.0.0.0/99999999999999999999", 0, "at most 32 bits"},
		{"10.0.0.0/", 0, "bad mask"},
		{"10.0.0.0/08", 0, "leading zero"},
		{"10.0.0.0/-1", 0, "bad mask"},
		{"10.0.0.0/+8", 0, "bad mask"},
		{"10.0.0.0/ 8", 0, "bad mask"},
		{"10.0.0.0/8/8", 0, "bad mask"},
		{"10.0.0.0/255.0.255.0", 0, "not contiguous"},
		{"10.0.0.0/0.0.0.255", 0, "not contiguous"},
		{"10.0.0.0/0xff00ff00", 0, "not contiguous"},
		{"10.0.0.0/0x000000ff", 0, "not contiguous"},
		{"10.0.0.0/255.255", 0, "bad mask"},
		{"10.0.0.0/255.255.255.00", 0, "leading zero"},
		{"10.0.0.0/255.255.255.256", 0, "over 255"},
		{"10.0.0.0/0x8", 0, "8 hexadecimal digits"},
		{"10.0.0.0/0xffffff000", 0, "8 hexadecimal digits"},
		{"10.0.0.0/::", 0, "bad mask"},

		{"10.0.0.01/32", 0, "leading zero"},
		{"010.0.0.1/32", 0, "leading zero"},
		{"00/0", 0, "leading zero"},
		{"256.0.0.1/32", 0, "over 255"},
		{"256/8", 0, "over 255"},
		{"1.2.3.4.5/32", 0, "5 parts"},
		{"10./8", 0, `part ""`},
		{"10..1/24", 0, `part ""`},
		{".10/8", 0, `part ""`},
		{"10.x.0.1/24", 0, `part "x"`},
		{"10.0x1/24", 0, "not an IPv4 address"},
		{"0x0a0001/24", 0, "8 hexadecimal digits"},
		{"0x0a0000010/24", 0, "8 hexadecimal digits"},
		{"0xga000001/24", 0, "8 hexadecimal digits"},
		{"0X0a000001/24", 0, "not an IPv4 address"},
		{"+10.0.0.1/8", 0, "not an IPv4 address"},
		{" 10.0.0.1/8", 0, "not an IPv4 address"},

		{"fe80::1%eth0/64", 0, "zone"},
		{"::1::/64", 0, "not an IPv6 address"},
		{"[::1]/128", 0, "not an IPv6 address"},
		{"1:2:3:4:5:6:7/64", 0, "not an IPv6 address"},
		{"::10000/64", 0, "not an IPv6 address"},
		{"::ffff:01.2.3.4/128", 0, "not an IPv6 address"},
		{"::/129", 0, "at most 128 bits"},
		{"::/064", 0, "leading zero"},
		{"::/255.255.255.0", 0, "an IPv6 mask is a number of bits"},
		{"::/0xffffff00", 0, "an IPv6 mask is a number of bits"},
		{"::/ffff::", 0, "an IPv6 mask is a number of bits"},
		{"::/", 0, "an IPv6 mask is a number of bits"},

		{"nobody.example/24", 0, "host name has no address"},
		{"nobody.example/24", eroute.Inet, "no IPv4 address"},
		{"gw.example/64", eroute.Inet6, "no IPv6 address"},
		{"six.example/32", eroute.Inet, "no IPv4 address"},
		{"zoned.example/64", eroute.Inet6, "no IPv6 address"},
		{"gw.example/64", eroute.Inet, "at most 32 bits"},
		{"gw.example/129", 0, "at most 32 bits"},
		{"six.example/255.0.0.0", eroute.Inet6, "an IPv6 mask is a number of bits"},
		{"many.example/32", 0, "several addresses: 192.0.2.8, 192.0.2.9"},
		{"many6.example/128", eroute.Inet6, "several addresses: 2001:db8::8, 2001:db8::9"},
		{"spread.example/24", 0, "several addresses: 192.0.2.9, 198.51.100.9"},
		{"broken.example/24", 0, "server misbehaving"},
		{"gw .example/24", 0, "neither an address nor a host name"},
		{"gw..example/24", 0, "neither an address nor a host name"},
		{"gw\n.example/24", 0, "neither an address nor a host name"},
		{"ä.example/24", 0, "neither an address nor a host name"},
		{"gw.123/24", 0, "not an IPv4 address"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			_, err := eroute.ParsePrefix(t.Context(), tt.text, tt.family, testHosts)
			checkRefused(t, err, tt.text, tt.reason)
		})
	}
}

func TestParsePrefixNeedsFamily(t *testing.T) {
	_, err := eroute.ParsePrefix(t.Context(), "%default", 0, nil)
	if !errors.Is(err, eroute.ErrNeedFamily) {
		t.Errorf("error %v, want %v", err, eroute.ErrNeedFamily)
	}
}

func TestTextFamily(t *testing.T) {
	for text, want := range map[string]eroute.Family{
		"10/8": eroute.Inet, "10.0.0.1": eroute.Inet, "0x0a000001/8": eroute.Inet,
		"::/0": eroute.Inet6, "::ffff:1.2.3.4/128": eroute.Inet6,
		"%default": 0, "gw.example/24": 0, "256/8": 0, "": 0,
	} {
		if got := eroute.TextFamily(text); got != want {
			t.Errorf("TextFamily(%q) = %s, want %s", text, got, want)
		}
	}
}
