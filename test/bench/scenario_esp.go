// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// asESP makes EastHost send ESP, which pktgen cannot generate: a program at the egress replaces the protocol.
func asESP(then preparation) preparation {
	return func(ctx context.Context, g *gateway, n int) error {
		if err := g.attachTCX(g.EastHost, lab.Eth0, ebpf.AttachTCXEgress, udpToESP()); err != nil {
			return err
		}
		if then == nil {
			return nil
		}
		return then(ctx, g, n)
	}
}

// udpToESP is a TC program that changes the protocol of IPv4 packets without options to ESP, and the header
// checksum.
func udpToESP() asm.Instructions {
	const (
		ip       = 14
		protocol = ip + 9
		sum      = ip + 10
		udp      = 17
		esp      = 50
	)
	return asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.StoreImm(asm.RFP, -8, esp, asm.Byte),
		asm.Mov.Imm(asm.R2, protocol),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, -8),
		asm.Mov.Imm(asm.R4, 1),
		asm.Mov.Imm(asm.R5, 0),
		asm.FnSkbStoreBytes.Call(),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Imm(asm.R2, sum),
		asm.Mov.Imm(asm.R3, udp<<8), // big-endian words, with a time to live of 0
		asm.Mov.Imm(asm.R4, esp<<8),
		asm.Mov.Imm(asm.R5, 2),
		asm.FnL3CsumReplace.Call(),
		asm.Mov.Imm(asm.R0, tcxNext),
		asm.Return(),
	}
}
