// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Multicast of more than the link's scope is matched, whether the gateway sends it or forwards it.
func TestRoutedMulticast(t *testing.T) {
	g := watching(t)
	g.routeMulticast(t)
	for _, f := range g.families() {
		group := multicastGroup[f.name]
		every := map[string]netip.Prefix{"v4": all4, "v6": all6}[f.name]
		user := lab.Sender{Node: g.East, Owner: lab.Nobody, Type: unix.SOCK_DGRAM, Device: lab.WAN}
		for _, c := range []struct {
			said eroute.SAID
			left int
		}{{eroute.Drop, 0}, {eroute.Reject, 0}, {eroute.Hold, 0}, {eroute.Trap, 0}, {said(f.wan), 0}, {eroute.Pass, 2}, {eroute.SAID{}, 2}} {
			elsewhere := from(every, f.westNet, eroute.Drop)
			if c.said != (eroute.SAID{}) {
				elsewhere = from(every, lab.Only(group), c.said)
			}
			g.only(t, elsewhere)
			stop, before := g.captureWAN(t), g.counts(t)
			if err := user.Send(netip.AddrPortFrom(group, 5353), []byte("group")); err != nil {
				t.Fatal(err)
			}
			g.sendIP(t, udpPacket(t, netip.AddrPortFrom(f.eastHost, 4000), netip.AddrPortFrom(group, 5353)))
			want := uint64(2)
			if c.said == (eroute.SAID{}) {
				want = 0
			}
			if !eventually(t, func() bool { return g.counts(t).since(before).total() >= want }) {
				t.Errorf("%s %v: counted %+v, want %d packets", f.name, c.said, g.counts(t).since(before), want)
			}
			time.Sleep(20 * time.Millisecond)
			if n := stop().Count(lab.Match{Outgoing: true, Dst: lab.Only(group)}); n != c.left {
				t.Errorf("%s %v: %d packets left, want %d", f.name, c.said, n, c.left)
			}
		}
	}
}

var multicastGroup = map[string]netip.Addr{"v4": netip.MustParseAddr("239.1.2.3"), "v6": netip.MustParseAddr("ff0e::123")}

// routeMulticast makes East forward multicast from EastHost to wan until the test ends, as a routing daemon does
// (linux/mroute.h, linux/mroute6.h).
func (g *gateway) routeMulticast(t *testing.T) {
	t.Helper()
	const ( // MRT_INIT and MRT6_INIT are the same, and so on
		mrtInit, mrtAddVIF, mrtAddMFC = 200, 202, 204
		useIfindex                    = 8
	)
	lan, wan := g.ifindex(t, lab.LAN), g.ifindex(t, lab.WAN)
	err := g.East.Do(func() error {
		for _, f := range g.families() {
			family, proto, level := unix.AF_INET, unix.IPPROTO_IGMP, unix.IPPROTO_IP
			if f.name == "v6" {
				family, proto, level = unix.AF_INET6, unix.IPPROTO_ICMPV6, unix.IPPROTO_IPV6
			}
			fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, proto)
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = unix.Close(fd) })
			set := func(option int, value []byte) {
				if err == nil {
					err = unix.SetsockoptString(fd, level, option, string(value))
				}
			}
			native := binary.NativeEndian
			set(mrtInit, []byte{1, 0, 0, 0})
			for i, ifindex := range []int{lan, wan} {
				if f.name == "v4" { // struct vifctl
					vif := make([]byte, 16)
					native.PutUint16(vif, uint16(i))
					vif[2], vif[3] = useIfindex, 1
					native.PutUint32(vif[8:], uint32(ifindex))
					set(mrtAddVIF, vif)
				} else { // struct mif6ctl
					mif := make([]byte, 12)
					native.PutUint16(mif, uint16(i))
					mif[3] = 1
					native.PutUint16(mif[4:], uint16(ifindex))
					set(mrtAddVIF, mif)
				}
			}
			src, group := f.eastHost.AsSlice(), multicastGroup[f.name].AsSlice()
			if f.name == "v4" { // struct mfcctl
				mfc := append(append(append([]byte{}, src...), group...), make([]byte, 52)...)
				mfc[8+2+1] = 1 // TTL threshold of interface 1
				set(mrtAddMFC, mfc)
			} else { // struct mf6cctl: two sockaddr_in6, parent, interfaces
				mfc := make([]byte, 28+28+4+32)
				native.PutUint16(mfc, unix.AF_INET6)
				copy(mfc[8:], src)
				native.PutUint16(mfc[28:], unix.AF_INET6)
				copy(mfc[28+8:], group)
				native.PutUint32(mfc[60:], 1<<1)
				set(mrtAddMFC, mfc)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
