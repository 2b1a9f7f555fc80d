// SPDX-License-Identifier: Apache-2.0

package fib

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testlab"
)

// TestOutput checks that rules by protocol, ports and mark are followed, as for packets that XFRM creates.
func TestOutput(t *testing.T) {
	l := testlab.New(t, "fib")
	for _, args := range []string{
		"-4 rule add pref 10 ipproto esp lookup 100", "-6 rule add pref 10 ipproto esp lookup 100",
		"-4 rule add pref 11 ipproto udp sport 4500 lookup 100", "-6 rule add pref 11 ipproto udp sport 4500 lookup 100",
		"-4 rule add pref 12 fwmark 0x7 lookup 100", "-6 rule add pref 12 fwmark 0x7 lookup 100",
		"-4 route add default dev lan table 100", "-6 route add default dev lan table 100",
		"route add blackhole 203.0.113.0/24", "route add blackhole 2001:db8:cb::/48",
	} {
		if _, err := l.East.IP(t.Context(), strings.Fields(args)...); err != nil {
			t.Fatal(err)
		}
	}
	router := &Router{}
	t.Cleanup(func() {
		if err := router.Close(); err != nil {
			t.Error(err)
		}
	})
	lookups := map[string]func(Packet) (Hop, error){"Output": router.Output, "BPF": router.outputBPF, "rtnetlink": outputNetlink}
	for _, c := range []struct {
		name     string
		p        Packet
		dev      string
		bpfAlone bool // not supported by rtnetlink
	}{
		{"nothing known", Packet{Proto: 6}, lab.WAN, false},
		{"ESP", Packet{Proto: unix.IPPROTO_ESP}, lab.LAN, true},
		{"AH", Packet{Proto: unix.IPPROTO_AH}, lab.WAN, false},
		{"ESP in UDP", Packet{Proto: unix.IPPROTO_UDP, SrcPort: 4500, DstPort: 4500}, lab.LAN, false},
		{"UDP of another port", Packet{Proto: unix.IPPROTO_UDP, SrcPort: 4501, DstPort: 4500}, lab.WAN, false},
		{"mark", Packet{Proto: unix.IPPROTO_AH, Mark: 7}, lab.LAN, false},
		{"another mark", Packet{Proto: unix.IPPROTO_AH, Mark: 8}, lab.WAN, false},
	} {
		for _, end := range []struct{ src, dst, far, nowhere netip.Addr }{
			{l.East.WAN4, l.West.WAN4, l.WestHost.LAN4, netip.MustParseAddr("203.0.113.1")},
			{l.East.WAN6, l.West.WAN6, l.WestHost.LAN6, netip.MustParseAddr("2001:db8:cb::1")},
		} {
			for how, lookup := range lookups {
				if c.bpfAlone && how == "rtnetlink" {
					continue
				}
				hop := func(dst netip.Addr) (dev string, via netip.Addr, err error) {
					c.p.Src, c.p.Dst = end.src, dst
					err = l.East.Do(func() error {
						hop, err := lookup(c.p)
						if err != nil {
							return err
						}
						via = hop.Via
						link, err := netlink.LinkByIndex(hop.Ifindex)
						if err == nil {
							dev = link.Attrs().Name
						}
						return err
					})
					return dev, via, err
				}
				if dev, _, err := hop(end.dst); err != nil || dev != c.dev {
					t.Errorf("%s by %s to %s: out of %q, %v, want %s", c.name, how, end.dst, dev, err, c.dev)
				}
				if c.dev != lab.WAN {
					continue
				}
				if dev, via, err := hop(end.far); err != nil || dev != lab.WAN || via != end.dst {
					t.Errorf("%s by %s to %s: out of %q to %v, %v, want %s to %s", c.name, how, end.far, dev, via, err, lab.WAN, end.dst)
				}
				if dev, _, err := hop(end.nowhere); !errors.Is(err, ErrNoRoute) {
					t.Errorf("%s by %s to %s: out of %q, %v, want %v", c.name, how, end.nowhere, dev, err, ErrNoRoute)
				}
			}
		}
	}
}
