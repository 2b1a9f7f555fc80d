// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
)

// occupyTC attaches a program to a TC hook until the test ends, first or last in the chain.
func occupyTC(t *testing.T, n *lab.Node, dev string, at ebpf.AttachType, anchor link.Anchor) {
	t.Helper()
	err := n.Do(func() error {
		prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
			Name: "other", Type: ebpf.SchedCLS, License: "MIT",
			Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, -1), asm.Return()}, // TCX_NEXT
		})
		if err != nil {
			return err
		}
		defer func() { _ = prog.Close() }()
		on, err := netlink.LinkByName(dev)
		if err != nil {
			return err
		}
		l, err := link.AttachTCX(link.TCXOptions{Program: prog, Interface: on.Attrs().Index, Attach: at, Anchor: anchor})
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

// The doctor names programs that run before those of the product, and none that run after.
func TestDoctorProgramsBefore(t *testing.T) {
	path := testenv.Ipsec(t)
	g := healthy(t)
	none := g.doctor(t, path)
	for _, f := range none {
		if f.Check == "device" && f.Level != "ok" {
			t.Errorf("before: %+v", f)
		}
	}
	occupyTC(t, g.East, ipsec0, ebpf.AttachTCXEgress, link.Tail())
	occupyTC(t, g.East, lab.LAN, ebpf.AttachTCXIngress, link.Tail())
	if after := g.doctor(t, path); len(after) != len(none) {
		t.Errorf("programs after ours: %+v", after)
	}
	occupyTC(t, g.East, ipsec0, ebpf.AttachTCXEgress, link.Head())
	occupyTC(t, g.East, lab.LAN, ebpf.AttachTCXIngress, link.Head())
	var device []finding
	for _, f := range g.doctor(t, path) {
		if f.Check == "device" {
			device = append(device, f)
		}
	}
	found(t, device, [3]string{"problem", "device", "runs before the egress program on " + ipsec0},
		[3]string{"note", "device", "runs before the tc program on " + lab.LAN})
}
