// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/diff"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// TestWriteCost checks that --check reports the packet that lies in all nested sources but in none of the nearby
// destinations.
func TestWriteCost(t *testing.T) {
	var nested, one diff.Table
	src, dst := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("80.1.2.3").As4()
	for i := range 33 {
		for j := range 32 {
			sibling := dst
			sibling[j/8] ^= 0x80 >> (j % 8)
			s := eroute.Selector{
				Src: netip.PrefixFrom(src, i).Masked(),
				Dst: netip.PrefixFrom(netip.AddrFrom4(sibling), j+1).Masked(),
			}
			nested.Add(s, eroute.Drop)
			if i == 32 {
				one.Add(s, eroute.Drop)
			}
		}
	}
	var out bytes.Buffer
	c := &command{out: bufio.NewWriter(&out)}
	if err := errors.Join(c.writeCost(&one), c.out.Flush()); err != nil || out.Len() > 0 {
		t.Errorf("one source: %q, %v", &out, err)
	}
	if err := errors.Join(c.writeCost(&nested), c.out.Flush()); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	if !strings.HasPrefix(got, "a packet 10.1.2.3:1024 -> 80.1.2.3:1024 protocol 6 takes about ") ||
		!strings.HasSuffix(got, " lookups in 1056 eroutes of 33 nested sources, 10.1.2.3/32, 10.1.2.2/31, 10.1.2.0/30 and 30 more\n") {
		t.Errorf("nested sources: %q", got)
	}
}
