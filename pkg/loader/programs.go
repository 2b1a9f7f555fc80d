// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/ipsec-eroute/eroute/bpf"
)

// HasXFRMInfo reports whether programs can pass packets to XFRM interfaces: whether the kernel, or its module
// xfrm_interface if loaded, has bpf_skb_set_xfrm_info.
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

// LoadEgress loads the program for an ipsec device's egress with a table's maps. The caller must close it, as
// with the functions below.
func LoadEgress(maps map[string]*ebpf.Map) (*ebpf.Program, error) {
	var have uint8
	if HasXFRMInfo() {
		have = 1
	}
	return load(bpf.LoadEgress, "eroute_egress", maps, map[string]any{"have_xfrm_info": have})
}

// LoadWire loads the program for the egress of a physical device that an ipsec device watches.
func LoadWire(maps map[string]*ebpf.Map, ipsecDevice int) (*ebpf.Program, error) {
	loadConnTrack()
	return load(bpf.LoadWire, "eroute_wire", maps, map[string]any{"ipsec_device": uint32(ipsecDevice)}, connTrackSpecs()...)
}

// LoadInbound loads the program for the ingress of a strict physical device, and of its ipsec device.
func LoadInbound(maps map[string]*ebpf.Map) (*ebpf.Program, error) {
	return load(bpf.LoadInbound, "eroute_inbound", maps, nil)
}

// LoadReject loads the program for an ipsec device's ingress, which replies to rejected packets.
func LoadReject(maps map[string]*ebpf.Map) (*ebpf.Program, error) {
	return load(bpf.LoadReject, "eroute_reject", maps, nil)
}

// LoadDetour loads the program for the detour device of an ipsec device.
func LoadDetour(maps map[string]*ebpf.Map, ipsecDevice int) (*ebpf.Program, error) {
	return load(bpf.LoadDetour, "eroute_detour", maps, map[string]any{"ipsec_device": uint32(ipsecDevice)})
}

// LoadXDP loads the fast path's XDP program with a table's maps.
func LoadXDP(maps map[string]*ebpf.Map) (*ebpf.Program, error) {
	return load(bpf.LoadXDP, "eroute_xdp", maps, nil)
}

// LoadIngressTC loads the fast path's TC program with a table's maps.
func LoadIngressTC(maps map[string]*ebpf.Map) (*ebpf.Program, error) {
	return load(bpf.LoadIngressTC, "eroute_ingress_tc", maps, nil)
}

// LoadLookup loads the program that runs --lookup with a table's maps.
func LoadLookup(maps map[string]*ebpf.Map) (*ebpf.Program, error) {
	return load(bpf.LoadLookup, "eroute_lookup", maps, nil)
}

// LoadNotify loads the program by which a command notifies the relay, with a table's maps.
func LoadNotify(maps map[string]*ebpf.Map) (*ebpf.Program, error) {
	return load(bpf.LoadNotify, "eroute_notify", maps, nil)
}

// LoadSADelete loads the program that notes the deletion of states in the calling thread's network namespace.
func LoadSADelete(maps map[string]*ebpf.Map) (*ebpf.Program, error) {
	return load(bpf.LoadSADelete, "eroute_sa_delete", maps, nil)
}

// LoadSAExhausted loads the program that notes which states in the calling thread's network namespace have no
// sequence numbers left.
func LoadSAExhausted(maps map[string]*ebpf.Map) (*ebpf.Program, error) {
	return load(bpf.LoadSAExhausted, "eroute_sa_exhausted", maps, nil)
}

// load loads the program of a collection with a table's maps, and sets its variables. types are those of modules
// that it reads.
func load(read func() (*ebpf.CollectionSpec, error), name string, maps map[string]*ebpf.Map, variables map[string]any, types ...*btf.Spec) (*ebpf.Program, error) {
	if err := CheckDescriptors(); err != nil {
		return nil, fmt.Errorf("load program %s: %w", name, err)
	}
	spec, err := read()
	if err != nil {
		return nil, fmt.Errorf("read program %s: %w", name, err)
	}
	if err := bpf.SetMachine(spec); err != nil {
		return nil, fmt.Errorf("program %s: %w", name, err)
	}
	if cookie := spec.Variables["netns_cookie"]; cookie != nil {
		here, err := NetnsCookie()
		if err != nil {
			return nil, err
		}
		if err := cookie.Set(here); err != nil {
			return nil, fmt.Errorf("set network namespace of program %s: %w", name, err)
		}
	}
	for variable, value := range variables {
		if err := spec.Variables[variable].Set(value); err != nil {
			return nil, fmt.Errorf("set %s of program %s: %w", variable, name, err)
		}
	}
	shared := make(map[string]*ebpf.Map)
	for m := range spec.Maps {
		if maps[m] != nil {
			shared[m] = maps[m]
		}
	}
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{
		MapReplacements: shared, Programs: ebpf.ProgramOptions{ExtraRelocationTargets: types},
	})
	if err != nil {
		return nil, fmt.Errorf("load program %s: %w", name, err)
	}
	defer coll.Close()
	return coll.DetachProgram(name), nil
}
