// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// A VLAN that belongs to another network namespace, such as a container's, is not matched by the eroutes of
// the interface below it. Its tag is in the frame's descriptor, where XDP does not see it, or in the frame.
func TestVLANElsewhere(t *testing.T) {
	b := newLab(t)
	host, container := netip.MustParseAddr("10.100.5.1"), netip.MustParseAddr("10.100.5.254")
	ip(t, b.EastHost, "link add link eth0 name eth0.10 type vlan id 10")
	ip(t, b.EastHost, "addr add 10.100.5.1/24 dev eth0.10")
	ip(t, b.EastHost, "link set eth0.10 up")
	ip(t, b.East, "link add link lan name lan.10 type vlan id 10")
	ip(t, b.East, "link set lan.10 netns "+b.WestHost.Namespace)
	ip(t, b.WestHost, "addr add 10.100.5.254/24 dev lan.10")
	ip(t, b.WestHost, "link set lan.10 up")

	b.attach(t, lab.LAN)
	ip(t, b.East, "route add 10.100.5.0/24 dev "+virtual)
	net := netip.PrefixFrom(host, 24).Masked()
	b.add(t, nets(net, net), "%drop")

	before := b.reasons(t)
	r, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Src: host, Dst: container, Count: 3})
	if err != nil || r.Received != 3 {
		t.Errorf("ping of the container: %+v, %v, want 3 answers", r, err)
	}
	packet := make([]byte, 20) // of protocol 253
	packet[0], packet[3], packet[8], packet[9] = 0x45, 20, 64, 253
	copy(packet[12:], host.AsSlice())
	copy(packet[16:], container.AsSlice())
	packet[10], packet[11] = checksum(packet)
	tagged, err := b.EastHost.Frame(lab.Eth0, 10, packet)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.EastHost.SendFrame(lab.Eth0, tagged); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	checkReasons(t, before, b.reasons(t), map[string]uint64{})

	// Without a tag the same packet is the interface's own.
	if err := b.EastHost.SendIP(lab.Eth0, packet); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	checkReasons(t, before, b.reasons(t), map[string]uint64{"drop": 1})
}

// checksum is that of an IPv4 header whose own is 0.
func checksum(header []byte) (byte, byte) {
	var sum uint32
	for i := 0; i < len(header); i += 2 {
		sum += uint32(header[i])<<8 | uint32(header[i+1])
	}
	sum = sum>>16 + sum&0xffff
	sum = ^(sum>>16 + sum)
	return byte(sum >> 8), byte(sum)
}
