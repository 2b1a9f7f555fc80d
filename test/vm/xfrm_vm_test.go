// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Packets that are about to leave in clear, although a policy of XFRM protects them, are left to XFRM by %xfrm: they
// leave with the SA of the policy. They drop while there is no policy, or where the interface excludes XFRM.
func TestLeftToXFRM(t *testing.T) {
	b := newLab(t)
	b.attachAs(t, device.Config{Virtual: virtual, Physical: lab.WAN})
	for _, f := range []struct {
		name     string
		tunnel   lab.Tunnel
		src, dst netip.Prefix
		own, to  netip.Addr
	}{
		{"v4", lab.Tunnel{ReqID: 4}, lab.EastLAN4, lab.WestLAN4, b.East.LAN4, b.WestHost.LAN4},
		{"v6", lab.Tunnel{ReqID: 6, Src: b.East.WAN6, Dst: b.West.WAN6}, lab.EastLAN6, lab.WestLAN6, b.East.LAN6, b.WestHost.LAN6},
	} {
		t.Run(f.name, func(t *testing.T) {
			const count = 3
			s := nets(f.src, f.dst)
			sa := b.connect(t, f.tunnel, f.src, f.dst)
			b.apply(t, eroute.Change{Op: eroute.OpAdd, Selector: s, SAID: eroute.XFRM})
			t.Cleanup(func() { b.apply(t, eroute.Change{Op: eroute.OpClear}) })
			send := func(name string, encrypted int, send func()) {
				t.Helper()
				stop, before := b.wire(t), b.reasons(t)
				send()
				frames := stop()
				checkOnly(t, frames, layers.IPProtocolESP)
				if n := frames.Count(lab.Match{SPI: sa.SPI}); n != encrypted {
					t.Errorf("%s: %d frames of the SA, want %d", name, n, encrypted)
				}
				checkReasons(t, before, b.reasons(t), map[string]uint64{"xfrm": count})
			}
			forwarded := func() {
				r, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: f.to, Count: count, Wait: 500 * time.Millisecond})
				if err != nil {
					t.Errorf("ping: %+v, %v", r, err)
				}
			}
			local := func() {
				socket := lab.Sender{Node: b.East, Type: unix.SOCK_DGRAM, Bypass: true, Src: netip.AddrPortFrom(f.own, 5000)}
				for range count {
					if err := socket.Send(netip.AddrPortFrom(f.to, 9), []byte(lab.Marker)); err != nil {
						t.Error(err)
					}
				}
			}
			// An administrator's mistake takes forwarded packets away from the policy.
			bypass := fmt.Sprintf("src %s dst %s dev %s dir out", f.src, f.dst, lab.WAN)
			ip(t, b.East, "xfrm policy add "+bypass+" priority 1")
			t.Cleanup(func() { ip(t, b.East, "xfrm policy delete "+bypass) })
			send("forwarded, without a policy", 0, forwarded)
			send("by a socket that bypasses policies, without one", 0, local)
			b.theirPolicy(t, sa, s)
			send("forwarded", count, forwarded)
			send("by a socket that bypasses policies", count, local)
			if f.own.Is4() {
				if err := b.East.Sysctl("net/ipv4/conf/wan/disable_xfrm", "1"); err != nil {
					t.Fatal(err)
				}
				send("forwarded to an interface with disable_xfrm", 0, forwarded)
			}
		})
	}
}
