// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// foreignXDP is the name of a foreign XDP program.
const foreignXDP = "foreign_program"

// occupyXDP attaches an XDP program that passes all packets to a device, for the device's lifetime.
func occupyXDP(t *testing.T, n *lab.Node, dev string) {
	t.Helper()
	err := n.Do(func() error {
		prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
			Name: foreignXDP, Type: ebpf.XDP, License: "MIT",
			Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}, // XDP_PASS
		})
		if err != nil {
			return err
		}
		defer func() { _ = prog.Close() }()
		l, err := netlink.LinkByName(dev)
		if err != nil {
			return err
		}
		return netlink.LinkSetXdpFd(l, prog.FD())
	})
	if err != nil {
		t.Fatal(err)
	}
}
