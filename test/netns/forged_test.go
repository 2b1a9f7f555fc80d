// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
)

// A sender in another network namespace gains nothing by what its own TC program writes into packets: mark,
// priority, tc_index, hash, and cb with the flags of what XFRM has made. A veth and a macvlan interface on the
// watched interface hand over more or less of these.
func TestForgedMetadata(t *testing.T) {
	t.Run("veth", func(t *testing.T) {
		g := watching(t, lab.LAN)
		forge(t, g.EastHost, lab.Eth0)
		g.protects(t, delivery{})
	})
	t.Run("macvlan", func(t *testing.T) {
		g := newDetached(t)
		batch(t, g.East, macvlan[0], "link set mv netns "+g.EastHost.Namespace)
		batch(t, g.EastHost,
			"link set mv up", "addr add 192.1.2.99/24 dev mv", "addr add 2001:db8:12::99/64 dev mv nodad",
			"route add 192.0.1.0/24 via "+g.West.WAN4.String(), "route add 2001:db8:1::/64 via "+g.West.WAN6.String())
		g.attachAs(t, device.Config{Virtual: ipsec0, Physical: lab.WAN})
		g.limitICMP(t, false)
		forge(t, g.EastHost, "mv")
		for _, f := range g.families() {
			for _, said := range protected(f) {
				g.only(t, all(said)...)
				stop := g.captureWAN(t)
				if r, err := g.EastHost.Ping(within(t, patience), lab.Ping{Dst: f.westHost, Count: 2, Wait: 20e6}); err != nil || r.Received != 0 {
					t.Errorf("%s %v: ping: %+v, %v", f.name, said, r, err)
				}
				if n := stop().Containing([]byte(lab.Marker)); n != 0 {
					t.Errorf("%s %v: %d packets left in clear", f.name, said, n)
				}
			}
		}
	})
}

// forge attaches a TC program to a node's interface that sets every field of a packet that it can set.
func forge(t *testing.T, n *lab.Node, dev string) {
	t.Helper()
	const mark, priority, tcIndex, cb = 8, 32, 44, 48 // offsets in struct __sk_buff
	code := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1), asm.Mov.Imm(asm.R2, -1), asm.FnSetHash.Call()}
	for _, offset := range []int16{mark, priority, tcIndex, cb, cb + 4, cb + 8, cb + 12, cb + 16} {
		code = append(code, asm.StoreImm(asm.R6, offset, 0xff, asm.Word))
	}
	code = append(code, asm.Mov.Imm(asm.R0, -1), asm.Return()) // TCX_NEXT
	err := n.Do(func() error {
		prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "forge", Type: ebpf.SchedCLS, License: "MIT", Instructions: code})
		if err != nil {
			return err
		}
		defer func() { _ = prog.Close() }()
		on, err := netlink.LinkByName(dev)
		if err != nil {
			return err
		}
		l, err := link.AttachTCX(link.TCXOptions{Program: prog, Interface: on.Attrs().Index, Attach: ebpf.AttachTCXEgress})
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = l.Close() })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
