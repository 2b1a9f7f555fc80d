// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/pkg/ifname"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// swap is a program that replaces another.
type swap struct {
	links   loader.Links
	hook    loader.Hook
	ifindex int
	prog    *ebpf.Program
	pin     string // name of the program's pin, for an interface that returns; "": none
}

// Upgrade atomically replaces each running program on the hooks of all ipsec devices with the one of this
// version, under traffic. The table with its counters and holds stays. All programs are loaded first: if one
// fails to load, nothing is changed.
func Upgrade(t *maps.Table) (err error) {
	virtuals, err := t.Dir().Virtuals()
	if err != nil {
		return err
	}
	var swaps []swap
	defer func() {
		for _, s := range swaps {
			_ = s.prog.Close()
		}
	}()
	for _, virtual := range virtuals {
		links, err := t.Dir().Links(virtual)
		if err != nil {
			return fmt.Errorf("%s: %w", virtual, err)
		}
		loaded, err := loadSwaps(t, virtual, links)
		swaps = append(swaps, loaded...)
		if err != nil {
			return fmt.Errorf("%s: %w", virtual, err)
		}
	}
	errs := []error{t.SwapPinned()}
	for _, s := range swaps {
		errs = append(errs, s.links.Swap(s.hook, s.ifindex, s.prog))
		if s.pin != "" {
			errs = append(errs, t.Dir().PinOver(s.prog, s.pin))
		}
	}
	return errors.Join(errs...)
}

// loadSwaps loads a program for each hook that has one attached. On an error it also returns those loaded so
// far. It skips interfaces that are gone: their programs went with them.
func loadSwaps(t *maps.Table, virtual string, links loader.Links) (swaps []swap, err error) {
	devices, err := links.On(loader.HookEgress)
	if err != nil {
		return nil, err
	}
	binding, err := t.Dir().Binding(virtual)
	if err != nil && !errors.Is(err, loader.ErrNotAttached) {
		return nil, err
	}
	shared := t.Replacements()
	for _, h := range []struct {
		hook loader.Hook
		load func() (*ebpf.Program, error)
	}{
		{loader.HookEgress, func() (*ebpf.Program, error) { return loader.LoadEgress(shared) }},
		{loader.HookWire, func() (*ebpf.Program, error) { return loader.LoadWire(shared, devices[0]) }},
		{loader.HookGuard4, func() (*ebpf.Program, error) { return loadGuard(t, binding) }},
		{loader.HookGuard6, func() (*ebpf.Program, error) { return loadGuard(t, binding) }},
		{loader.HookInbound, func() (*ebpf.Program, error) { return loader.LoadInbound(shared) }},
		{loader.HookReject, func() (*ebpf.Program, error) { return loader.LoadReject(shared) }},
		{loader.HookDetour, func() (*ebpf.Program, error) { return loader.LoadDetour(shared, devices[0]) }},
		{loader.HookTC, func() (*ebpf.Program, error) { return loader.LoadIngressTC(shared) }},
		{loader.HookXDP, func() (*ebpf.Program, error) { return loader.LoadXDP(shared) }},
		{loader.HookSADelete, func() (*ebpf.Program, error) { return loader.LoadSADelete(shared) }},
		{loader.HookSAExhausted, func() (*ebpf.Program, error) { return loader.LoadSAExhausted(shared) }},
	} {
		on, err := links.On(h.hook)
		if err != nil {
			return swaps, err
		}
		for _, ifindex := range on {
			if _, err := ifname.Lookup(ifindex); err != nil || len(devices) == 0 {
				continue
			}
			prog, err := h.load()
			if err != nil {
				return swaps, err
			}
			swaps = append(swaps, swap{links, h.hook, ifindex, prog, pinOf(virtual, h.hook)})
		}
	}
	return swaps, nil
}

// pinOf returns the name of the pin of a hook's program; "" if it has none.
func pinOf(virtual string, hook loader.Hook) string {
	switch {
	case slices.Contains(watchHooks, hook):
		return watchPin(virtual, hook)
	case slices.Contains(ingressHooks, hook):
		return programPin(hook)
	}
	return ""
}
