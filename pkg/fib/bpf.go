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

// loopback is the ifindex of lo: routing rules see it as the input interface of local packets.
const loopback = 1

// etherSize is the size of the header of the frame that holds the parameters, in bytes.
const etherSize = 14

// program returns the lookup program, which is loaded once.
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

// outputBPF looks up a route with a test run of a BPF program, whose packet holds first the parameters, then
// the result.
func (r *Router) outputBPF(p Packet) (Hop, error) {
	prog, err := r.program(p.Mark != 0)
	if err != nil {
		return Hop{}, fmt.Errorf("%w: %w", errNotReported, err)
	}
	out := make([]byte, etherSize+paramsSize)
	ret, err := prog.Run(&ebpf.RunOptions{Data: frame(p), DataOut: out})
	if err != nil {
		return Hop{}, fmt.Errorf("%w: %w", errNotReported, err)
	}
	switch int32(ret) {
	case success, noNeighbour, fragNeeded:
		return parseHop(out[etherSize:], p.Dst), nil
	case forwardDisabled, unsupported:
		return Hop{}, errNotReported
	}
	if int32(ret) < 0 { // such as EINVAL for an unsupported flag
		return Hop{}, fmt.Errorf("%w: %w", errNotReported, syscall.Errno(-int32(ret)))
	}
	return Hop{}, ErrNoRoute
}

// lookup returns a program that copies the parameters from the packet, calls bpf_fib_lookup, copies the result
// back and returns the helper's return value.
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

// frame returns a frame with the parameters as its payload.
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

// parseHop parses the result: the next hop replaces the destination, and may be of another family.
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

// isNoRoute reports whether an rtnetlink error means that there is no route.
func isNoRoute(err error) bool {
	for _, errno := range []error{unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EACCES, unix.EINVAL, unix.ENETDOWN} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
