// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/ipsec-eroute/eroute/bpf"
)

// HasXFRMInfo tells whether programs can hand packets to XFRM interfaces: whether the
// kernel, or its module xfrm_interface once loaded, has bpf_skb_set_xfrm_info.
func HasXFRMInfo() bool {
	find := func(spec *btf.Spec, err error) bool {
		if err != nil {
			return false
		}
		var f *btf.Func
		return spec.TypeByName("bpf_skb_set_xfrm_info", &f) == nil
	}
	return find(btf.LoadKernelModuleSpec("xfrm_interface")) || find(btf.LoadKernelSpec())
}

// LoadEgress loads the program of an ipsec device's egress over a table's maps.
// It is the caller's to close.
func LoadEgress(maps map[string]*ebpf.Map) (*ebpf.Program, error) {
	spec, err := bpf.LoadEgress()
	if err != nil {
		return nil, fmt.Errorf("read egress program: %w", err)
	}
	var have uint8
	if HasXFRMInfo() {
		have = 1
	}
	if err := spec.Variables["have_xfrm_info"].Set(have); err != nil {
		return nil, fmt.Errorf("set have_xfrm_info: %w", err)
	}
	return loadProgram(spec, "eroute_egress", maps)
}

// LoadXDP loads the fast path's XDP program over a table's maps.
func LoadXDP(maps map[string]*ebpf.Map) (*ebpf.Program, error) {
	spec, err := bpf.LoadXDP()
	if err != nil {
		return nil, fmt.Errorf("read XDP program: %w", err)
	}
	return loadProgram(spec, "eroute_xdp", maps)
}

// LoadIngressTC loads the fast path's TC program over a table's maps.
func LoadIngressTC(maps map[string]*ebpf.Map) (*ebpf.Program, error) {
	spec, err := bpf.LoadIngressTC()
	if err != nil {
		return nil, fmt.Errorf("read TC program: %w", err)
	}
	return loadProgram(spec, "eroute_ingress_tc", maps)
}

// LoadSAGone loads the program that notes the end of the states of the calling thread's
// network namespace.
func LoadSAGone(maps map[string]*ebpf.Map) (*ebpf.Program, error) {
	spec, err := bpf.LoadSAGone()
	if err != nil {
		return nil, fmt.Errorf("read program for states that end: %w", err)
	}
	cookie, err := NetnsCookie()
	if err != nil {
		return nil, err
	}
	if err := spec.Variables["netns_cookie"].Set(cookie); err != nil {
		return nil, fmt.Errorf("set netns_cookie: %w", err)
	}
	return loadProgram(spec, "eroute_sa_gone", maps)
}

func loadProgram(spec *ebpf.CollectionSpec, name string, maps map[string]*ebpf.Map) (*ebpf.Program, error) {
	shared := make(map[string]*ebpf.Map)
	for m := range spec.Maps {
		if maps[m] != nil {
			shared[m] = maps[m]
		}
	}
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: shared})
	if err != nil {
		return nil, fmt.Errorf("load program %s: %w", name, err)
	}
	defer coll.Close()
	return coll.DetachProgram(name), nil
}
