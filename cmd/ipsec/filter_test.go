// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// TestListMinPackets checks that --min-packets omits eroutes with fewer packets.
func TestListMinPackets(t *testing.T) {
	m := newMemory()
	m.exists = true
	m.met = make(map[eroute.Selector]uint64)
	dst := netip.MustParsePrefix("10.9.0.0/16")
	for src, packets := range map[string]uint64{"10.1.0.0/16": 0, "10.2.0.0/16": 99, "10.3.0.0/16": 100, "10.4.0.0/16": 1 << 63} {
		s := eroute.Selector{Src: netip.MustParsePrefix(src), Dst: dst}
		if err := m.eroutes.Add(s, eroute.Drop); err != nil {
			t.Fatal(err)
		}
		m.met[s] = packets
	}
	const want = "100        10.3.0.0/16        -> 10.9.0.0/16        => %drop\n" +
		"9223372036854775808 10.4.0.0/16        -> 10.9.0.0/16        => %drop\n"
	if status, stdout, stderr := runMemory(m, "", "eroute", "--min-packets", "0x64"); status != 0 || stdout != want {
		t.Errorf("status %d, stdout %q, stderr %q, want %q", status, stdout, stderr, want)
	}
	if _, stdout, _ := runMemory(m, "", "eroute", "--min-packets", "100", "--src", "10.3.0.0/16", "--json"); stdout !=
		`{"version":1,"eroutes":[`+"\n"+
			`{"src":"10.3.0.0/16","dst":"10.9.0.0/16","said":"%drop","action":"drop","packets":100,"bytes":10000}`+"\n]}\n" {
		t.Errorf("stdout %q", stdout)
	}
}
