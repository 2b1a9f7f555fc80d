// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)

package bpf_test

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// program is a program and where it runs.
type program struct {
	name   string
	load   func() (*ebpf.CollectionSpec, error)
	typ    ebpf.ProgramType
	attach ebpf.AttachType
}

// programs are those that packets run through, or a command's messages to the relay.
var programs = []program{
	{"eroute_lookup", bpf.LoadLookup, ebpf.SchedCLS, ebpf.AttachNone},
	{"eroute_egress", bpf.LoadEgress, ebpf.SchedCLS, ebpf.AttachTCXEgress},
	{"eroute_detour", bpf.LoadDetour, ebpf.SchedCLS, ebpf.AttachTCXEgress},
	{"eroute_wire", bpf.LoadWire, ebpf.SchedCLS, ebpf.AttachTCXEgress},
	{"eroute_guard", bpf.LoadGuard, ebpf.Netfilter, ebpf.AttachNetfilter},
	{"eroute_inbound", bpf.LoadInbound, ebpf.SchedCLS, ebpf.AttachTCXIngress},
	{"eroute_xdp", bpf.LoadXDP, ebpf.XDP, ebpf.AttachXDP},
	{"eroute_ingress_tc", bpf.LoadIngressTC, ebpf.SchedCLS, ebpf.AttachTCXIngress},
	{"eroute_reject", bpf.LoadReject, ebpf.SchedCLS, ebpf.AttachTCXIngress},
	{"eroute_notify", bpf.LoadNotify, ebpf.SchedCLS, ebpf.AttachNone},
}

// statePrograms are not loaded here: the VM's kernels have the functions they are attached to,
// others need not, and it takes CAP_PERFMON.
var statePrograms = []program{
	{"eroute_sa_delete", bpf.LoadSADelete, ebpf.Tracing, ebpf.AttachTraceFEntry},
	{"eroute_sa_exhausted", bpf.LoadSAExhausted, ebpf.Tracing, ebpf.AttachTraceFEntry},
}

// verifierLimit is half of what the kernel's verifier goes through before it gives up
// (BPF_COMPLEXITY_LIMIT_INSNS, include/linux/bpf.h): other kernels need more or less.
const verifierLimit = 500000

// The kernel takes every program that packets meet, with instructions to spare, and the
// verifier goes through no more than the budget says. Needs CAP_BPF and CAP_NET_ADMIN.
func TestPrograms(t *testing.T) { testPrograms(t) }

func testPrograms(t *testing.T) {
	if err := rlimit.RemoveMemlock(); err != nil {
		t.Fatal(err)
	}
	b := newBudget(t)
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			spec, err := p.load()
			if err != nil {
				t.Fatal(err)
			}
			prog := spec.Programs[p.name]
			if len(spec.Programs) != 1 || prog == nil || prog.Type != p.typ || prog.AttachType != p.attach {
				t.Fatalf("programs %v, want %s alone, of type %v for %v", spec.Programs, p.name, p.typ, p.attach)
			}
			if v := spec.Variables["have_xfrm_info"]; v != nil && loader.HasXFRMInfo() {
				if err := v.Set(uint8(1)); err != nil {
					t.Fatal(err)
				}
			}
			if v := spec.Variables["name_count"]; v != nil {
				if err := v.Set(uint32(1)); err != nil {
					t.Fatal(err)
				}
			}
			coll, err := ebpf.NewCollection(spec)
			if err != nil {
				t.Fatalf("%+v", err)
			}
			defer coll.Close()
			info, err := coll.Programs[p.name].Info()
			if err != nil {
				t.Fatal(err)
			}
			insns, err := info.Instructions()
			if err != nil {
				t.Fatal(err)
			}
			verified, ok := info.VerifiedInstructions()
			if !ok || verified > verifierLimit {
				t.Errorf("the verifier went through %d instructions (%v), want at most %d", verified, ok, verifierLimit)
			}
			jited, _ := info.JitedSize()
			t.Logf("%d instructions, %d verified, %d bytes of machine code", len(insns), verified, jited)
			b.check(t, p.name, verified)
		})
	}
	b.save(t)
}
