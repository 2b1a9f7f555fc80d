// SPDX-License-Identifier: Apache-2.0

package eroute_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// accepted checks that a parser returned either a value or a one-line error that names the text, and reports
// which.
func accepted[T comparable](t *testing.T, text string, got T, err error) bool {
	t.Helper()
	if err == nil {
		return true
	}
	var zero T
	if got != zero {
		t.Errorf("%q: both a value %v and an error %v", text, got, err)
	}
	var valueErr *eroute.ValueError
	if !errors.As(err, &valueErr) || valueErr.Value != text {
		t.Errorf("%q: error %q does not name the value", text, err)
	}
	if strings.ContainsAny(err.Error(), "\n\r") {
		t.Errorf("%q: error %q is more than one line", text, err)
	}
	return false
}

func FuzzParseNumber(f *testing.F) {
	for _, text := range []string{"0", "08", "0377", "0xff", "0x", "65536", "+1", "1_0", "18446744073709551615"} {
		f.Add(text, uint8(16))
	}
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		bits := 1 + int(size)%64
		got, err := eroute.ParseNumber(text, bits)
		if !accepted(t, text, got, err) {
			return
		}
		if bits < 64 && got>>bits != 0 {
			t.Errorf("ParseNumber(%q, %d) = %d, too large", text, bits, got)
		}
		for _, form := range []string{"%d", "%#x", "0%o"} {
			again, err := eroute.ParseNumber(fmt.Sprintf(form, got), bits)
			if err != nil || again != got {
				t.Errorf("%q: %d printed as "+form+" is %d, %v", text, got, got, again, err)
			}
		}
	})
}

func FuzzParseSAID(f *testing.F) {
	for _, text := range []string{
		"tun.135@1.2.3.4", "tun:145@3049:1::2", "esp0xD1234567@192.1.2.45", "ah0400@::ffff:1.2.3.4",
		"comp4294967295@0x01020304", "%pass", "%passthrough6", "%trapsubnet", "tun0x12@1.2.3.4",
		"esp.100@both.example", "esp256@six.example", "tun0x100@fe80::1%eth0", "tun.100000000@1.2.3.4",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := eroute.ParseSAID(t.Context(), text, testHosts)
		if !accepted(t, text, got, err) {
			return
		}
		if err := got.Validate(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		again, err := eroute.ParseSAID(t.Context(), got.String(), nil)
		if err != nil || again != got {
			t.Errorf("%q: printed as %q, which is %v, %v", text, got, again, err)
		}
		if isSA := strings.Contains(text, "@"); isSA != (got.Action() == eroute.ActionSA) {
			t.Errorf("%q: action %s", text, got.Action())
		}
	})
}

func FuzzParsePrefix(f *testing.F) {
	for _, text := range []string{
		"10/8", "10.0.0.7/255.255.255.0", "0x0a000001/0xffffff00", "1.2.3.4/0", "%default", "::/0",
		"::ffff:1.2.3.4/120", "3049:1::1/128", "many.example/31", "both.example/64", "10.0.0.01/8", "fe80::1%1/64",
	} {
		f.Add(text, uint8(0))
		f.Add(text, uint8(1))
		f.Add(text, uint8(2))
	}
	f.Fuzz(func(t *testing.T, text string, choice uint8) {
		family := []eroute.Family{0, eroute.Inet, eroute.Inet6}[choice%3]
		got, err := eroute.ParsePrefix(t.Context(), text, family, testHosts)
		if !accepted(t, text, got, err) {
			return
		}
		if !got.IsValid() || got != got.Masked() || got.Addr().Zone() != "" {
			t.Errorf("%q: %s is not masked", text, got)
		}
		gotFamily := eroute.FamilyOf(got.Addr())
		if family != 0 && gotFamily != family {
			t.Errorf("%q: %s is not %s", text, got, family)
		}
		if shown := eroute.TextFamily(text); shown != 0 && gotFamily != shown {
			t.Errorf("%q: %s, but the text shows %s", text, got, shown)
		}
		again, err := eroute.ParsePrefix(t.Context(), got.String(), 0, nil)
		if err != nil || again != got {
			t.Errorf("%q: printed as %q, which is %v, %v", text, got, again, err)
		}
	})
}

func FuzzParseAddr(f *testing.F) {
	for _, text := range []string{
		"192.0.2.1", "0xc0000201", "10.1", "::ffff:1.2.3.4", "2001:DB8::1", "gw.example", "many.example", "fe80::1%1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := eroute.ParseAddr(t.Context(), text, 0, testHosts)
		if !accepted(t, text, got, err) {
			return
		}
		again, err := eroute.ParseAddr(t.Context(), got.String(), eroute.FamilyOf(got), nil)
		if err != nil || again != got {
			t.Errorf("%q: printed as %q, which is %v, %v", text, got, again, err)
		}
	})
}

func FuzzParsePort(f *testing.F) {
	for _, text := range []string{"0", "80", "0x50", "0120", "ssh", "9pfs", "65536", "80x", ""} {
		f.Add(text, uint8(6))
		f.Add(text, uint8(17))
		f.Add(text, uint8(0))
	}
	names := testNames(f)
	f.Fuzz(func(t *testing.T, text string, proto uint8) {
		got, err := eroute.ParsePort(text, proto, names)
		if !accepted(t, text, got, err) {
			return
		}
		if got != 0 && proto != eroute.ProtoTCP && proto != eroute.ProtoUDP {
			t.Errorf("%q: port %d with protocol %d", text, got, proto)
		}
		again, err := eroute.ParsePort(fmt.Sprint(got), proto, nil)
		if err != nil || again != got {
			t.Errorf("%q: printed as %d, which is %d, %v", text, got, again, err)
		}
	})
}

func FuzzParseProtocol(f *testing.F) {
	for _, text := range []string{"0", "6", "0x11", "021", "256", "tcp", "TCP", "3pc", ""} {
		f.Add(text)
	}
	names := testNames(f)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := eroute.ParseProtocol(text, names)
		if !accepted(t, text, got, err) {
			return
		}
		again, err := eroute.ParseProtocol(fmt.Sprint(got), nil)
		if err != nil || again != got {
			t.Errorf("%q: printed as %d, which is %d, %v", text, got, again, err)
		}
	})
}

// FuzzLoadNames checks that any text can be read, and that no protocol or service has an empty name.
func FuzzLoadNames(f *testing.F) {
	f.Add("icmp 1 ICMP # x\ntcp 6 TCP\n", "ssh 22/tcp\nisakmp 500/udp ike\n", "ssh")
	f.Add("x 256\n6 7", "a 65536/tcp\nb 1/sctp\nc 1/tcp c", "c")
	f.Fuzz(func(t *testing.T, protocols, services, name string) {
		names, err := eroute.LoadNames(strings.NewReader(protocols), strings.NewReader(services))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := eroute.ParseProtocol(name, names); err == nil && name == "" {
			t.Errorf("a protocol without a name in %q", protocols)
		}
		if _, err := eroute.ParsePort(name, eroute.ProtoTCP, names); err == nil && name == "" {
			t.Errorf("a service without a name in %q", services)
		}
	})
}

func FuzzParsePacket(f *testing.F) {
	f.Add(packet4(6, 0, nil, portBytes))
	f.Add(packet4(17, 0x2001, []byte{7, 4, 0, 0}, portBytes))
	f.Add(packet6(17, portBytes))
	f.Add(packet6(0, ext(60, 0), ext(44, 1), frag(6, 0, true), portBytes))
	f.Add(packet6(60, chain(9, 6), portBytes))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := eroute.ParsePacket(b)
		if err != nil {
			if !errors.Is(err, eroute.ErrNotIP) || got != (eroute.Packet{}) {
				t.Errorf("%v, %v", got, err)
			}
			return
		}
		if version := map[eroute.Family]byte{eroute.Inet: 4, eroute.Inet6: 6}[eroute.FamilyOf(got.Src)]; version != b[0]>>4 {
			t.Errorf("source %s in a packet of version %d", got.Src, b[0]>>4)
		}
		if eroute.FamilyOf(got.Src) != eroute.FamilyOf(got.Dst) {
			t.Errorf("%s -> %s is mixed", got.Src, got.Dst)
		}
		if (got.SrcPort != 0 || got.DstPort != 0) && got.Proto != eroute.ProtoTCP && got.Proto != eroute.ProtoUDP {
			t.Errorf("ports %d, %d with protocol %d", got.SrcPort, got.DstPort, got.Proto)
		}
		// Bytes after the packet are not part of it, if its length is given and the packet is complete.
		n := int(b[2])<<8 | int(b[3])
		if b[0]>>4 == 6 {
			n = 40 + (int(b[4])<<8 | int(b[5]))
		}
		if n >= 60 && n <= len(b) {
			if clipped, err := eroute.ParsePacket(b[:n]); err != nil || clipped != got {
				t.Errorf("%v with trailing bytes, %v, %v without", got, clipped, err)
			}
		}
	})
}
