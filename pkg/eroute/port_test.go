// SPDX-License-Identifier: Apache-2.0

package eroute_test

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

const protocolsText = `# a comment
ip	0	IP		# pseudo protocol
icmp	1	ICMP
tcp	6	TCP
udp	17	UDP	# datagrams
3pc	34	3PC
ospf	89	OSPFIGP
tcp	99	again
huge	256	HUGE
lonely
`

const servicesText = `
ssh		22/tcp
domain		53/tcp
domain		53/udp
http		80/tcp		www	# web
l2f		1701/udp	l2tp
oddity		7/tcp
oddity		8/udp
9pfs		564/tcp
zero		0/tcp
sip		5060/sctp
http		8080/tcp
broken		99999/tcp
`

func testNames(t testing.TB) *eroute.Names {
	t.Helper()
	n, err := eroute.LoadNames(strings.NewReader(protocolsText), strings.NewReader(servicesText))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestLoadNamesReadError(t *testing.T) {
	broken := errors.New("broken")
	empty := strings.NewReader("")
	if _, err := eroute.LoadNames(iotest.ErrReader(broken), empty); !errors.Is(err, broken) {
		t.Errorf("protocols: error %v, want %v", err, broken)
	}
	if _, err := eroute.LoadNames(empty, iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("services: error %v, want %v", err, broken)
	}
}

func TestParseProtocol(t *testing.T) {
	n := testNames(t)
	for text, want := range map[string]uint8{
		"0": 0, "6": 6, "0x11": 17, "021": 17, "255": 255,
		"tcp": 6, "udp": 17, "ip": 0, "3pc": 34, "ospf": 89,
	} {
		got, err := eroute.ParseProtocol(text, n)
		if err != nil || got != want {
			t.Errorf("ParseProtocol(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
}

func TestParseProtocolRefuses(t *testing.T) {
	n := testNames(t)
	for _, tt := range []struct {
		text, reason string
		names        *eroute.Names
	}{
		{"256", "must be at most 255", n},
		{"0x100", "must be at most 255", n},
		{"6x", "not a number", n},
		{"-1", "no such protocol", n},
		{"", "no such protocol", n},
		{" 6", "no such protocol", n},
		{"TCP", "no such protocol", n}, // an alias, not the first column
		{"OSPFIGP", "no such protocol", n},
		{"huge", "no such protocol", n},
		{"lonely", "no such protocol", n},
		{"tcp", "no such protocol", nil},
	} {
		t.Run(tt.text, func(t *testing.T) {
			_, err := eroute.ParseProtocol(tt.text, tt.names)
			checkRefused(t, err, tt.text, tt.reason)
		})
	}
}

func TestParsePort(t *testing.T) {
	n := testNames(t)
	for _, tt := range []struct {
		text  string
		proto uint8
		want  uint16
	}{
		{"0", eroute.ProtoTCP, 0},
		{"0", 0, 0},
		{"0x0", 50, 0},
		{"1", eroute.ProtoTCP, 1},
		{"65535", eroute.ProtoUDP, 65535},
		{"0x6a5", eroute.ProtoUDP, 1701},
		{"0156", eroute.ProtoTCP, 110},
		{"ssh", eroute.ProtoTCP, 22},
		{"domain", eroute.ProtoUDP, 53},
		{"http", eroute.ProtoTCP, 80},
		{"www", eroute.ProtoTCP, 80},
		{"l2tp", eroute.ProtoUDP, 1701},
		{"oddity", eroute.ProtoTCP, 7},
		{"oddity", eroute.ProtoUDP, 8},
		{"9pfs", eroute.ProtoTCP, 564},
	} {
		got, err := eroute.ParsePort(tt.text, tt.proto, n)
		if err != nil || got != tt.want {
			t.Errorf("ParsePort(%q, %d) = %d, %v, want %d", tt.text, tt.proto, got, err, tt.want)
		}
	}
}

func TestParsePortRefuses(t *testing.T) {
	n := testNames(t)
	for _, tt := range []struct {
		text   string
		proto  uint8
		reason string
	}{
		{"65536", eroute.ProtoTCP, "must be at most 65535"},
		{"0x10000", eroute.ProtoUDP, "must be at most 65535"},
		{"80x", eroute.ProtoTCP, "not a number"},
		{"-1", eroute.ProtoTCP, "no such tcp service"},
		{"+80", eroute.ProtoTCP, "no such tcp service"},
		{" 80", eroute.ProtoTCP, "no such tcp service"},
		{"", eroute.ProtoTCP, "no such tcp service"},
		{"ssh", eroute.ProtoUDP, "no such udp service"},
		{"sip", eroute.ProtoUDP, "no such udp service"},
		{"broken", eroute.ProtoTCP, "no such tcp service"},
		{"80", 0, "tcp or udp"},
		{"80", 132, "tcp or udp"},
		{"ssh", 1, "tcp or udp"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			_, err := eroute.ParsePort(tt.text, tt.proto, n)
			checkRefused(t, err, tt.text, tt.reason)
		})
	}
	if _, err := eroute.ParsePort("80", 1, n); !errors.Is(err, eroute.ErrPortProtocol) {
		t.Errorf("error %v, want %v", err, eroute.ErrPortProtocol)
	}
	if _, err := eroute.ParsePort("ssh", eroute.ProtoTCP, nil); err == nil {
		t.Error("nil Names know ssh")
	}
}
