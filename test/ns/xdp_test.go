// SPDX-License-Identifier: Apache-2.0

package ns_test

import (
	"net"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"github.com/ipsec-eroute/eroute/test/lab"
)

// dummyXDP is the name of somebody else's XDP program.
const dummyXDP = "somebody_else"

// occupyXDP puts an XDP program that passes all on a device, for as long as the test.
func occupyXDP(t *testing.T, n *lab.Node, dev string) {
	t.Helper()
	err := n.Do(func() error {
		prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
			Name: dummyXDP, Type: ebpf.XDP, License: "MIT",
			Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}, // XDP_PASS
		})
		if err != nil {
			return err
		}
		defer func() { _ = prog.Close() }()
		ifi, err := net.InterfaceByName(dev)
		if err != nil {
			return err
		}
		l, err := link.AttachXDP(link.XDPOptions{Program: prog, Interface: ifi.Index})
		if err == nil {
			t.Cleanup(func() { _ = l.Close() })
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
