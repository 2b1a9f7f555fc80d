// SPDX-License-Identifier: Apache-2.0

package eroute_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

func TestParseSAID(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"tun.135@1.2.3.4", "tun0x135@1.2.3.4"},
		{"tun0x135@1.2.3.4", "tun0x135@1.2.3.4"},
		{"tun:145@3049:1::2", "tun0x145@3049:1::2"},
		{"tun0x145@3049:1::2", "tun0x145@3049:1::2"},
		{"tun256@1.2.3.4", "tun0x100@1.2.3.4"},
		{"tun0400@1.2.3.4", "tun0x100@1.2.3.4"},
		{"esp0x12345678@192.1.2.45", "esp0x12345678@192.1.2.45"},
		{"tun0xD1234567@192.1.2.45", "tun0xd1234567@192.1.2.45"},
		{"esp.ABCD@192.0.1.1", "esp0xabcd@192.0.1.1"},
		{"ah0xffffffff@192.0.1.1", "ah0xffffffff@192.0.1.1"},
		{"ah4294967295@192.0.1.1", "ah0xffffffff@192.0.1.1"},
		{"comp.00000000100@192.0.1.1", "comp0x100@192.0.1.1"},
		{"comp:1234@2001:DB8:0:0::1", "comp0x1234@2001:db8::1"},
		{"esp0x100@::ffff:1.2.3.4", "esp0x100@::ffff:1.2.3.4"},
		{"esp:100@::ffff:1.2.3.4", "esp0x100@::ffff:1.2.3.4"},
		{"esp0x100@0x01020304", "esp0x100@1.2.3.4"},
		{"esp0x100@gw.example", "esp0x100@192.0.2.1"},
		{"esp.100@both.example", "esp0x100@192.0.2.2"},
		{"esp:100@both.example", "esp0x100@2001:db8::2"},
		{"esp256@both.example", "esp0x100@192.0.2.2"},
		{"esp256@six.example", "esp0x100@2001:db8::6"},
		{"tun0x100@1.2.3.4,esp.101@gw.example/flow", "tun0x100@1.2.3.4,esp0x101@192.0.2.1/flow"},
		{"tun0x100@1.2.3.4,tun0x100@1.2.3.4,tun:102@::1/failover", "tun0x100@1.2.3.4,tun0x100@1.2.3.4,tun0x102@::1/failover"},
		{"comp.100@1.2.3.4+esp.1001@0x01020304", "comp0x100@1.2.3.4+esp0x1001@1.2.3.4"},
		{"esp0x1001@1.2.3.4+ah0x1001@1.2.3.4", "esp0x1001@1.2.3.4+ah0x1001@1.2.3.4"},
		{"comp:ffff@::1+ah:200@::1", "comp0xffff@::1+ah0x200@::1"},
		{"comp256@1.2.3.4+esp.101@1.2.3.4+ah.102@1.2.3.4", "comp0x100@1.2.3.4+esp0x101@1.2.3.4+ah0x102@1.2.3.4"},
		{"tun.100@1.2.3.4,comp:100@::1+esp:101@::1/failover", "tun0x100@1.2.3.4,comp0x100@::1+esp0x101@::1/failover"},
		{"tun.100@1.2.3.4,%trap/flow", "tun0x100@1.2.3.4,%trap/flow"},
		{"tun.100@1.2.3.4,tun.101@1.2.3.4/failover/0x1e", "tun0x100@1.2.3.4,tun0x101@1.2.3.4/failover/30"},
		{strings.Repeat("tun0x100@1.2.3.4,", 64) + "%trap/flow", strings.Repeat("tun0x100@1.2.3.4,", 64) + "%trap/flow"},
		{"%pass", "%pass"},
		{"%passthrough", "%pass"},
		{"%passthrough4", "%pass"},
		{"%passthrough6", "%pass"},
		{"%drop", "%drop"},
		{"%reject", "%reject"},
		{"%hold", "%hold"},
		{"%trap", "%trap"},
		{"%trapsubnet", "%trapsubnet"},
	} {
		got, err := eroute.ParseSAID(t.Context(), tt.text, testHosts)
		if err != nil || got.String() != tt.want {
			t.Errorf("ParseSAID(%q) = %s, %v, want %s", tt.text, got, err, tt.want)
		}
		if err := got.Validate(); err != nil {
			t.Errorf("ParseSAID(%q) is not valid: %v", tt.text, err)
		}
	}
}

func TestParseSAIDDecimal(t *testing.T) {
	// tun.135 is hexadecimal, tun135 decimal: 0x87, which is too small for an SPI.
	_, err := eroute.ParseSAID(t.Context(), "tun135@1.2.3.4", nil)
	checkRefused(t, err, "tun135@1.2.3.4", "SPI must be at least 0x100")
	got, err := eroute.ParseSAID(t.Context(), "tun1350@1.2.3.4", nil)
	want := eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x546, Dst: netip.MustParseAddr("1.2.3.4")}
	if err != nil || got != want {
		t.Errorf("ParseSAID = %v, %v, want %v", got, err, want)
	}
}

func TestParseSAIDRefuses(t *testing.T) {
	for _, tt := range []struct{ text, reason string }{
		{"", "not a SAID"},
		{"tun", "not a SAID"},
		{"tun0x135", "not a SAID"},
		{"tun0x100@1.2.3.4,tun0x101@1.2.3.4", "need --spread flow, failover or cpu"},
		{"tun0x100@1.2.3.4,tun0x101@1.2.3.4/", "want flow, failover or cpu"},
		{"tun0x100@1.2.3.4,tun0x101@1.2.3.4/cpus", "want flow, failover or cpu"},
		{"tun0x100@1.2.3.4,/flow", `"": not a SAID`},
		{"tun0x100@1.2.3.4,tun0x101@1.2.3.4/flow/", "return after"},
		{"tun0x100@1.2.3.4,tun0x101@1.2.3.4/flow/0", "must be from 1 to 86400 seconds"},
		{"tun0x100@1.2.3.4,tun0x101@1.2.3.4/flow/86401", "must be from 1 to 86400 seconds"},
		{"%trap,tun0x100@1.2.3.4/failover", "a member of a group must be an SA, the last one can be %trap"},
		{"tun0x100@1.2.3.4,%drop/failover", "a member of a group must be an SA"},
		{"%trap,%trap/failover", "a member of a group must be an SA"},
		{strings.Repeat("tun0x100@1.2.3.4,", 64) + "tun0x100@1.2.3.4/flow", "a group has 2 to 64 SAs"},
		{strings.Repeat("tun0x100@1.2.3.4,", 65) + "%trap/flow", "a group has 2 to 64 SAs, or 1 to 64 and %trap"},
		{"esp.101@1.2.3.4+comp.100@1.2.3.4", "a bundle is comp+esp, comp+ah, esp+ah or comp+esp+ah"},
		{"esp.101@1.2.3.4+esp.102@1.2.3.4", "a bundle is"},
		{"ah.101@1.2.3.4+esp.102@1.2.3.4", "a bundle is"},
		{"esp.101@1.2.3.4+ah.102@1.2.3.4+ah.103@1.2.3.4", "a bundle is"},
		{"comp.100@1.2.3.4+%drop", "a bundle is"},
		{"tun.100@1.2.3.4+esp.101@1.2.3.4", "a bundle names its SAs by comp, esp or ah"},
		{"comp.100@1.2.3.4+esp.101@1.2.3.5", "have one destination"},
		{"comp.100@1.2.3.4+esp:101@::1", "have one destination"},
		{"comp.10000@1.2.3.4+esp.101@1.2.3.4", "must be at most 0xffff"},
		{"comp.100@1.2.3.4+", `"": not a SAID`},
		{"comp.100@1.2.3.4++esp.101@1.2.3.4", `"": not a SAID`},
		{"comp.100@1.2.3.4+esp.ff@1.2.3.4", `"esp.ff@1.2.3.4": SPI must be at least 0x100`},
		{"@1.2.3.4", "protocol must be"},
		{"0x135@1.2.3.4", "protocol must be"},
		{"TUN0x135@1.2.3.4", "protocol must be"},
		{"Esp.135@1.2.3.4", "protocol must be"},
		{"ipip0x135@1.2.3.4", "protocol must be"},
		{"int0x100@0.0.0.0", "protocol must be"},
		{" tun0x135@1.2.3.4", "protocol must be"},
		{"tun@1.2.3.4", "SPI is not a number"},
		{"tun0X135@1.2.3.4", "SPI is not a number"},
		{"tun-256@1.2.3.4", "SPI is not a number"},
		{"tun+256@1.2.3.4", "SPI is not a number"},
		{"tun 256@1.2.3.4", "SPI is not a number"},
		{"tun1_000@1.2.3.4", "SPI is not a number"},
		{"tun0900@1.2.3.4", "SPI is not a number"},
		{"tun135a@1.2.3.4", "SPI is not a number"},
		{"tun.@1.2.3.4", "hexadecimal"},
		{"tun.0x135@1.2.3.4", "hexadecimal"},
		{"tun.13g@1.2.3.4", "hexadecimal"},
		{"tun.+135@1.2.3.4", "hexadecimal"},
		{"tun..135@1.2.3.4", "hexadecimal"},
		{"tun.100000000@1.2.3.4", "SPI must fit in 32 bits"},
		{"tun:100000000@::1", "SPI must fit in 32 bits"},
		{"tun0x100000000@1.2.3.4", "SPI must fit in 32 bits"},
		{"tun4294967296@1.2.3.4", "SPI must fit in 32 bits"},
		{"tun.ff@1.2.3.4", "SPI must be at least 0x100"},
		{"tun:ff@::1", "SPI must be at least 0x100"},
		{"tun0xff@1.2.3.4", "SPI must be at least 0x100"},
		{"tun0@1.2.3.4", "SPI must be at least 0x100"},
		{"tun.135@3049:1::2", "is IPv6, not IPv4"},
		{"tun.135@::ffff:1.2.3.4", "is IPv6, not IPv4"},
		{"tun:135@1.2.3.4", "is IPv4, not IPv6"},
		{"tun0x135@", "neither an address nor a host name"},
		{"tun0x135@1.2.3", "3 parts"},
		{"tun0x135@1.2.3.04", "leading zero"},
		{"tun0x135@1.2.3.4/32", "neither an address nor a host name"},
		{"tun0x135@1.2.3.4@5", "neither an address nor a host name"},
		{"tun0x135@1.2.3.4 ", "neither an address nor a host name"},
		{"tun0x135@[::1]", "not an IPv6 address"},
		{"tun0x135@fe80::1%eth0", "zone"},
		{"tun0x135@nobody.example", "host name has no address"},
		{"tun.135@six.example", "no IPv4 address"},
		{"tun:135@gw.example", "no IPv6 address"},
		{"tun0x135@many.example", "several addresses: 192.0.2.8, 192.0.2.9"},
		{"tun0x135@many6.example", "several addresses: 2001:db8::8, 2001:db8::9"},
		{"tun0x135@broken.example", "server misbehaving"},
		{"%", "unknown magic SAID"},
		{"%Pass", "unknown magic SAID"},
		{"%DROP", "unknown magic SAID"},
		{"%passthrough5", "unknown magic SAID"},
		{"%drop ", "unknown magic SAID"},
		{"%drop@1.2.3.4", "unknown magic SAID"},
		{"drop", "not a SAID"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			_, err := eroute.ParseSAID(t.Context(), tt.text, testHosts)
			checkRefused(t, err, tt.text, tt.reason)
		})
	}
}

func TestNewSAID(t *testing.T) {
	for _, tt := range []struct{ af, edst, spi, proto, want string }{
		{"inet", "192.168.0.2", "0x135", "tun", "tun0x135@192.168.0.2"},
		{"inet6", "3049:1::2", "0x145", "tun", "tun0x145@3049:1::2"},
		{"inet", "192.168.0.2", "256", "esp", "esp0x100@192.168.0.2"},
		{"inet", "192.168.0.2", "0400", "ah", "ah0x100@192.168.0.2"},
		{"inet", "both.example", "0xFFFFFFFF", "comp", "comp0xffffffff@192.0.2.2"},
		{"inet6", "both.example", "0x100", "comp", "comp0x100@2001:db8::2"},
	} {
		got, err := eroute.NewSAID(t.Context(), tt.af, tt.edst, tt.spi, tt.proto, testHosts)
		if err != nil || got.String() != tt.want {
			t.Errorf("NewSAID(%s %s %s %s) = %s, %v, want %s", tt.af, tt.edst, tt.spi, tt.proto, got, err, tt.want)
		}
	}
}

func TestNewSAIDRefuses(t *testing.T) {
	for _, tt := range []struct{ af, edst, spi, proto, option, value, reason string }{
		{"inet4", "1.2.3.4", "0x100", "tun", "--af", "inet4", "inet or inet6"},
		{"", "1.2.3.4", "0x100", "tun", "--af", "", "inet or inet6"},
		{"inet", "1.2.3.4", "0x12", "tun", "--spi", "0x12", "SPI must be at least 0x100"},
		{"inet", "1.2.3.4", "0x100000000", "tun", "--spi", "0x100000000", "SPI must fit in 32 bits"},
		{"inet", "1.2.3.4", "-256", "tun", "--spi", "-256", "SPI is not a number"},
		{"inet", "1.2.3.4", "", "tun", "--spi", "", "SPI is not a number"},
		{"inet", "1.2.3.4", ".135", "tun", "--spi", ".135", "SPI is not a number"},
		{"inet", "1.2.3.4", "0x100", "ESP", "--proto", "ESP", "ah, esp, comp or tun"},
		{"inet", "1.2.3.4", "0x100", "esp2", "--proto", "esp2", "ah, esp, comp or tun"},
		{"inet", "1.2.3.4", "0x100", "50", "--proto", "50", "ah, esp, comp or tun"},
		{"inet", "::1", "0x100", "esp", "--edst", "::1", "is IPv6, not IPv4"},
		{"inet6", "1.2.3.4", "0x100", "esp", "--edst", "1.2.3.4", "is IPv4, not IPv6"},
		{"inet", "1.2.3.4/32", "0x100", "esp", "--edst", "1.2.3.4/32", "neither"},
		{"inet", "six.example", "0x100", "esp", "--edst", "six.example", "no IPv4 address"},
		{"inet", "many.example", "0x100", "esp", "--edst", "many.example", "several addresses"},
	} {
		t.Run(tt.option+tt.value, func(t *testing.T) {
			_, err := eroute.NewSAID(t.Context(), tt.af, tt.edst, tt.spi, tt.proto, testHosts)
			checkRefused(t, err, tt.value, tt.reason)
			if err != nil && !strings.HasPrefix(err.Error(), tt.option+" value ") {
				t.Errorf("error %q does not begin with the option %s", err, tt.option)
			}
		})
	}
}

func TestSAIDAction(t *testing.T) {
	for said, want := range map[eroute.SAID]eroute.Action{
		eroute.Pass: eroute.ActionPass, eroute.Drop: eroute.ActionDrop,
		eroute.Reject: eroute.ActionReject, eroute.Hold: eroute.ActionHold,
		eroute.Trap: eroute.ActionTrap, eroute.TrapSubnet: eroute.ActionTrapSubnet, eroute.XFRM: eroute.ActionXFRM,
		{Proto: eroute.ProtoESP, SPI: 0x101, Dst: netip.MustParseAddr("192.0.2.1")}: eroute.ActionSA,
	} {
		if got := said.Action(); got != want {
			t.Errorf("%s: action %s, want %s", said, got, want)
		}
	}
}

func TestSAIDValidateRefuses(t *testing.T) {
	gateway := netip.MustParseAddr("192.0.2.1")
	for _, said := range []eroute.SAID{
		{},
		{Proto: 61, SPI: 0x107},
		{Proto: 61, SPI: 0x100, Dst: gateway},
		{Proto: eroute.ProtoESP, SPI: 0x100},
		{Proto: eroute.ProtoESP, SPI: 0xff, Dst: gateway},
		{Proto: eroute.ProtoTCP, SPI: 0x100, Dst: gateway},
		{Proto: eroute.ProtoESP, SPI: 0x100, Dst: netip.MustParseAddr("fe80::1%eth0")},
		{Proto: eroute.ProtoESP, SPI: 0x100, Dst: gateway, Inner: eroute.Inner{ESP: 0x100}},
		{Proto: eroute.ProtoComp, SPI: 0x100, Dst: gateway, Inner: eroute.Inner{ESP: 0x100}},
		{Proto: eroute.ProtoTun, SPI: 0x100, Dst: gateway, Inner: eroute.Inner{Comp: 0x100}},
		{Proto: eroute.ProtoESP, SPI: 0x100, Dst: gateway, Inner: eroute.Inner{Comp: 0xff}},
		{Proto: eroute.ProtoESP, SPI: 0x100, Dst: gateway, Inner: eroute.Inner{Comp: 0x10000}},
		{Proto: eroute.ProtoAH, SPI: 0x100, Dst: gateway, Inner: eroute.Inner{ESP: 0xff}},
	} {
		if err := said.Validate(); !errors.Is(err, eroute.ErrBadSAID) {
			t.Errorf("%s: error %v, want %v", said, err, eroute.ErrBadSAID)
		}
	}
}
