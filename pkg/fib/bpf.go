// SPDX-License-Identifier: Apache-2.0

package fib

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// Values of linux/bpf.h: struct bpf_fib_lookup, flags and results of bpf_fib_lookup.
const (
	paramsSize = 64
	atProto    = 1
	atSrcPort  = 2
	atDstPort  = 4
	atIfindex  = 8
	atSrc      = 16
	atDst      = 32
	atMark     = 52

	skipNeighbour = 1 << 2 // BPF_FIB_LOOKUP_SKIP_NEIGH
	withMark      = 1 << 5 // BPF_FIB_LOOKUP_MARK, Linux 6.10

	success         = 0
	forwardDisabled = 5
	unsupported     = 6
	noNeighbour     = 7
	fragNeeded      = 8
)

// loopback is the ifindex of lo: rules take what the gateway sends to come in there.
const loopback = 1

// etherSize is the header of the frame that holds the parameters.
const etherSize = 14

// program returns the program that asks, loaded once.
func (r *Router) program(mark bool) (*ebpf.Program, error) {
	if prog := r.programs[mark]; prog != nil {
		return prog, nil
	}
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.SchedCLS, License: "Dual BSD/GPL", Instructions: lookup(mark),
	})
	if err != nil {
		return nil, err
	}
	if r.programs == nil {
		r.programs = make(map[bool]*ebpf.Program)
	}
	r.programs[mark] = prog
	return prog, nil
}

// outputBPF asks by a run of a program: its packet holds the parameters, and then the answer.
func (r *Router) outputBPF(p Packet) (Hop, error) {
	prog, err := r.program(p.Mark != 0)
	if err != nil {
		return Hop{}, fmt.Errorf("%w: %w", errUnknown, err)
	}
	out := make([]byte, etherSize+paramsSize)
	ret, err := prog.Run(&ebpf.RunOptions{Data: frame(p), DataOut: out})
	if err != nil {
		return Hop{}, fmt.Errorf("%w: %w", errUnknown, err)
	}
	switch int32(ret) {
	case success, noNeighbour, fragNeeded:
		return parseHop(out[etherSize:], p.Dst), nil
	case forwardDisabled, unsupported:
		return Hop{}, errUnknown
	}
	if int32(ret) < 0 { // such as EINVAL for a flag that the kernel does not know
		return Hop{}, fmt.Errorf("%w: %w", errUnknown, syscall.Errno(-int32(ret)))
	}
	return Hop{}, ErrNoRoute
}

// lookup copies the parameters from the packet, asks, copies the answer back and returns the result.
func lookup(mark bool) asm.Instructions {
	flags := int32(skipNeighbour)
	if mark {
		flags |= withMark
	}
	stack := func(r asm.Register) asm.Instructions {
		return asm.Instructions{asm.Mov.Reg(r, asm.RFP), asm.Add.Imm(r, -paramsSize)}
	}
	var program asm.Instructions
	add := func(more ...asm.Instruction) { program = append(program, more...) }
	add(asm.Mov.Reg(asm.R6, asm.R1), asm.Mov.Imm(asm.R2, etherSize))
	add(stack(asm.R3)...)
	add(asm.Mov.Imm(asm.R4, paramsSize), asm.FnSkbLoadBytes.Call(), asm.Mov.Reg(asm.R7, asm.R0), asm.JNE.Imm(asm.R7, 0, "end"))
	add(asm.Mov.Reg(asm.R1, asm.R6))
	add(stack(asm.R2)...)
	add(asm.Mov.Imm(asm.R3, paramsSize), asm.Mov.Imm(asm.R4, flags), asm.FnFibLookup.Call(), asm.Mov.Reg(asm.R7, asm.R0))
	add(asm.Mov.Reg(asm.R1, asm.R6), asm.Mov.Imm(asm.R2, etherSize))
	add(stack(asm.R3)...)
	add(asm.Mov.Imm(asm.R4, paramsSize), asm.Mov.Imm(asm.R5, 0), asm.FnSkbStoreBytes.Call())
	add(asm.Mov.Reg(asm.R0, asm.R7).WithSymbol("end"), asm.Return())
	return program
}

// frame is a frame with the parameters as its content.
func frame(p Packet) []byte {
	b := make([]byte, etherSize+paramsSize)
	copy(b[12:], []byte{0x88, 0xb5}) // an EtherType for experiments (IEEE 802)
	params := b[etherSize:]
	params[0] = family(p.Dst)
	params[atProto] = p.Proto
	binary.BigEndian.PutUint16(params[atSrcPort:], p.SrcPort)
	binary.BigEndian.PutUint16(params[atDstPort:], p.DstPort)
	binary.NativeEndian.PutUint32(params[atIfindex:], loopback)
	if p.Src.IsValid() {
		copy(params[atSrc:], p.Src.AsSlice())
	}
	copy(params[atDst:], p.Dst.AsSlice())
	binary.NativeEndian.PutUint32(params[atMark:], p.Mark)
	return b
}

// parseHop reads the answer: the next hop is where the destination was, of a family of its own.
func parseHop(params []byte, dst netip.Addr) Hop {
	hop := Hop{Ifindex: int(binary.NativeEndian.Uint32(params[atIfindex:]))}
	size := 4
	if params[0] == unix.AF_INET6 {
		size = 16
	}
	if via, ok := netip.AddrFromSlice(params[atDst : atDst+size]); ok && via != dst {
		hop.Via = via
	}
	return hop
}

func family(a netip.Addr) uint8 {
	if a.Is6() {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// isNoRoute tells from an error of rtnetlink that there is no way for a packet.
func isNoRoute(err error) bool {
	for _, errno := range []error{unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EACCES, unix.EINVAL, unix.ENETDOWN} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
