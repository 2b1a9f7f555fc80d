// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"net/netip"
	"strconv"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Cached routing results of the fast path end with the next change of routes, rules, addresses and links:
// packets of a flow are matched against the table exactly while routing sends them to the ipsec device.
func TestRoutesChange(t *testing.T) {
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		if g.mode == watched {
			return // no route into ipsec0 to change: TestWaysOut
		}
		g.only(t, all(eroute.Drop)...)
		bits := strconv.Itoa(f.westHost.BitLen())
		frame := g.ethernet(t, udpPacket(t, netip.AddrPortFrom(f.eastHost, 4000), netip.AddrPortFrom(f.westHost, 53)))
		meets := func(what string, want int) {
			t.Helper()
			before := g.counts(t)
			for range 4 {
				if err := g.EastHost.SendFrame(lab.Eth0, frame); err != nil {
					t.Fatal(err)
				}
			}
			g.counted(t, before, reason("drop", want))
			if t.Failed() {
				t.Fatal(what)
			}
		}
		ip := func(args ...string) {
			t.Helper()
			if out, err := g.East.IP(within(t, patience), append([]string{"-" + f.name[1:]}, args...)...); err != nil {
				t.Fatalf("ip %v: %v: %s", args, err, out)
			}
		}
		host := f.westHost.String() + "/" + bits
		meets("at first", 4)
		for _, c := range []struct {
			name     string
			do, undo []string
		}{
			{"route deleted", []string{"route", "del", f.westNet.String(), "dev", ipsec0}, []string{"route", "add", f.westNet.String(), "dev", ipsec0}},
			{"longer route elsewhere", []string{"route", "add", host, "via", f.wan.String()}, []string{"route", "del", host, "via", f.wan.String()}},
			{"longer route to nowhere", []string{"route", "add", "blackhole", host}, []string{"route", "del", "blackhole", host}},
			{"rule", []string{"rule", "add", "to", host, "pref", "77", "prohibit"}, []string{"rule", "del", "to", host, "pref", "77"}},
			{"address of the gateway", []string{"addr", "add", host, "dev", "lo"}, []string{"addr", "del", host, "dev", "lo"}},
		} {
			ip(c.do...)
			meets(c.name, 0)
			ip(c.undo...)
			meets(c.name+" taken back", 4)
		}
	})
}
