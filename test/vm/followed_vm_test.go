// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// masqueradeRules are those of an operator who has forgotten to exclude the tunnels.
const masqueradeRules = "table ip eroutetest {\nchain post { type nat hook postrouting priority srcnat; oifname wan masquerade; }\n}\n"

// masquerade translates what leaves East through its wan until the returned function is called.
func (b bench) masquerade(t *testing.T) (end func()) {
	t.Helper()
	nft := func(rules string) {
		t.Helper()
		cmd := b.East.Command(context.Background(), "nft", "-f", "-")
		cmd.Stdin = strings.NewReader(rules)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("nft: %v: %s", err, out)
		}
	}
	nft(masqueradeRules)
	return func() { t.Helper(); nft("delete table ip eroutetest\n") }
}

// With a key manager in its default configuration (it changes routes), --follow is the only step: its policies become
// eroutes, and what they protect cannot leave in clear, though a masquerade rule takes packets away from them. A rekey
// and a detach under traffic lose nothing.
//
//vm:alone
func TestFollowedKeyManagers(t *testing.T) {
	for name, make := range map[string]func(n, peer *lab.Node, local, far netip.Prefix, trap bool) lab.KeyManager{
		"charon": func(n, peer *lab.Node, local, far netip.Prefix, trap bool) lab.KeyManager {
			return &lab.Charon{Node: n, Peer: peer, Local: local, Far: far, Trap: trap, Settings: "\n"} // without install_routes = no
		},
		"pluto": func(n, peer *lab.Node, local, far netip.Prefix, trap bool) lab.KeyManager {
			return &lab.Pluto{Node: n, Peer: peer, Local: local, Far: far, Trap: trap, Updown: true}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newLab(t)
			// With strongSwan 6, translated packets do not leave without this. West answers ARP requests for its LAN, as a
			// router between the gateways would.
			if err := b.West.Sysctl("net/ipv4/conf/"+lab.WAN+"/proxy_arp", "1"); err != nil {
				t.Fatal(err)
			}
			run(t, make(b.West, b.East, lab.WestLAN4, lab.EastLAN4, false))
			b.checkFollowed(t, run(t, make(b.East, b.West, lab.EastLAN4, lab.WestLAN4, true)))
		})
	}
}

func (b bench) checkFollowed(t *testing.T, east lab.KeyManager) {
	const count, interval, patience = 120, 10 * time.Millisecond, 60 * time.Second
	inClear := func(frames lab.Frames) (n int) {
		for _, f := range frames {
			if h, ok := f.Header(); ok && h.Proto == layers.IPProtocolICMPv4 {
				n++
			}
		}
		return n
	}
	ping := func(count int) (wait func() lab.PingResult) {
		return startPings(within(t, 90*time.Second), t, b.EastHost, lab.Ping{Dst: b.WestHost.LAN4, Count: count, Interval: interval, Wait: 10 * time.Second})
	}
	for ctx := within(t, patience); b.pingOnce(t, time.Second) != 1; { // XFRM drops packets until there is an SA
		if ctx.Err() != nil {
			t.Fatal("no ping was answered")
		}
	}

	// What operators see without eroutes: XFRM looks its policies up again after NAT, and finds none.
	end, stop := b.masquerade(t), b.wire(t)
	if b.pingOnce(t, time.Second); inClear(stop()) == 0 {
		t.Error("the masquerade rule sends nothing in clear: the test has no leak to stop")
	}

	b.write(t, func(table *maps.Table) error {
		_, err := device.Attach(t.Context(), table, device.Config{Virtual: virtual, Physical: lab.WAN, Follow: true})
		return err
	})
	t.Cleanup(func() { b.write(t, func(table *maps.Table) error { return table.Dir().Remove() }) })
	if e := b.eroute(t, nets(lab.EastLAN4, lab.WestLAN4)); e.SAID != eroute.XFRM || !e.Followed {
		t.Errorf("the policy has become %v, followed: %v", e, e.Followed)
	}
	stop, before := b.wire(t), b.reasons(t)
	if ping(5)().Received != 0 {
		t.Error("translated packets were answered")
	}
	if n := inClear(stop()); n != 0 {
		t.Errorf("%d packets in clear", n)
	}
	checkReasons(t, before, b.reasons(t), map[string]uint64{"translated": 5})
	b.checkBypass(t, inClear)
	end()

	b.startRelay(t, patience)
	stop = b.wire(t)
	dropped := b.droppedByXFRM(t)
	wait := ping(count)
	time.Sleep(300 * time.Millisecond)
	if err := east.Rekey(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
	r := wait()
	dropped = b.droppedByXFRM(t) - dropped
	if r.Received < count-dropped {
		t.Errorf("%d of %d pings answered during a rekey, %d dropped by XFRM", r.Received, count, dropped)
	}
	checkInOrder(t, r, orderPatience)
	wait = ping(count)
	time.Sleep(300 * time.Millisecond)
	b.write(t, detach)
	if r := wait(); r.Received != count {
		t.Errorf("%d of %d pings answered during a detach", r.Received, count)
	}
	if n := inClear(stop()); n != 0 {
		t.Errorf("%d packets in clear", n)
	}
}

// checkBypass checks that packets for which an operator adds a bypass leave in clear, and that others of the same tunnel
// do not, which are translated.
func (b bench) checkBypass(t *testing.T, inClear func(lab.Frames) int) {
	t.Helper()
	const count = 3
	host := "src " + lab.EastLAN4.String() + " dst " + b.WestHost.LAN4.String() + " dir out"
	ip(t, b.East, "xfrm policy add "+host+" priority 1")
	b.follow(t)
	for dst, clear := range map[netip.Addr]bool{b.WestHost.LAN4: true, b.West.LAN4: false} {
		stop, before := b.wire(t), b.reasons(t)
		if _, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: dst, Count: count, Wait: 200 * time.Millisecond}); err != nil {
			t.Error(err)
		}
		translated := uint64(count)
		if clear {
			translated = 0
		}
		if n := inClear(stop()); clear != (n >= count) || !clear && n > 0 { // libreswan's peer answers
			t.Errorf("to %s: %d packets in clear", dst, n)
		}
		checkReasons(t, before, b.reasons(t), map[string]uint64{"translated": translated})
	}
	ip(t, b.East, "xfrm policy delete "+host)
	b.follow(t)
}
