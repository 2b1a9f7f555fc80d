// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// loopback is the ifindex of lo, the only interface of a new network namespace.
const loopback = 1

func probeBTF() error {
	_, err := btf.LoadKernelSpec()
	return err
}

func probeBPFFS() error {
	known, err := os.ReadFile("/proc/filesystems")
	if err == nil && !strings.Contains(string(known), "\tbpf\n") {
		err = errors.New("not in /proc/filesystems")
	}
	return err
}

func probeLPM() error        { return features.HaveMapType(ebpf.LPMTrie) }
func probeRingBuffer() error { return features.HaveMapType(ebpf.RingBuf) }
func probeXDP() error        { return features.HaveProgramType(ebpf.XDP) }

func probeMembarrier() error {
	const query, global = 0, 1 << 0 // MEMBARRIER_CMD_QUERY, MEMBARRIER_CMD_GLOBAL
	commands, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, query, 0, 0)
	if errno != 0 {
		return errno
	}
	if commands&global == 0 {
		return errors.New("no MEMBARRIER_CMD_GLOBAL")
	}
	return nil
}

// probeTCX attaches a no-op program to the loopback of a new namespace.
func probeTCX() error {
	return xfrm.InNewNamespace(func() error {
		return withProgram(ebpf.ProgramSpec{Type: ebpf.SchedCLS}, func(p *ebpf.Program) (link.Link, error) {
			return link.AttachTCX(link.TCXOptions{Interface: loopback, Program: p, Attach: ebpf.AttachTCXEgress})
		})
	})
}

// probeTracing attaches a no-op program to the function that deletes a state.
func probeTracing() error {
	spec := ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFEntry, AttachTo: "__xfrm_state_delete"}
	return withProgram(spec, func(p *ebpf.Program) (link.Link, error) {
		return link.AttachTracing(link.TracingOptions{Program: p, AttachType: ebpf.AttachTraceFEntry})
	})
}

// withProgram loads a no-op program, attaches it, and undoes both.
func withProgram(spec ebpf.ProgramSpec, attach func(*ebpf.Program) (link.Link, error)) error {
	spec.License = "Dual BSD/GPL"
	spec.Instructions = asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}
	p, err := ebpf.NewProgram(&spec)
	if err != nil {
		return err
	}
	l, err := attach(p)
	if err != nil {
		return errors.Join(err, p.Close())
	}
	return errors.Join(l.Close(), p.Close())
}
