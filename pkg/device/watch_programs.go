// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// watchHooks are the hooks of a watched physical device.
var watchHooks = []loader.Hook{loader.HookWire, loader.HookInbound}

// watchPrograms are the programs of the physical devices of an ipsec device.
type watchPrograms struct {
	wire    *ebpf.Program
	inbound *ebpf.Program // nil: the device is not strict
}

// watchPin returns the name of the pin of a program for the physical devices of an ipsec device. Programs are
// pinned so that a process without the privilege to load programs can attach them to an interface that returns.
func watchPin(virtual string, hook loader.Hook) string {
	return "eroute_" + string(hook) + "_" + virtual
}

// loadWatch loads the programs for the physical devices of an ipsec device, and pins them.
func loadWatch(t *maps.Table, dev netlink.Link, strict bool) (progs watchPrograms, err error) {
	virtual := dev.Attrs().Name
	if progs.wire, err = loader.LoadWire(t.Replacements(), dev.Attrs().Index); err != nil {
		return progs, err
	}
	if err := pinProgram(t, loader.HookWire, watchPin(virtual, loader.HookWire), progs.wire); err != nil || !strict {
		return progs, err
	}
	if progs.inbound, err = loader.LoadInbound(t.Replacements()); err == nil {
		err = pinProgram(t, loader.HookInbound, watchPin(virtual, loader.HookInbound), progs.inbound)
	}
	if err != nil {
		progs.close()
	}
	return progs, err
}

// pinnedWatch returns the pinned programs of the device; the caller closes them.
func (f *follower) pinnedWatch() (progs watchPrograms, err error) {
	virtual := f.dev.Attrs().Name
	if progs.wire, err = pinnedProgram(f.table, loader.HookWire, watchPin(virtual, loader.HookWire)); err != nil || !f.binding.Strict {
		return progs, err
	}
	progs.inbound, err = pinnedProgram(f.table, loader.HookInbound, watchPin(virtual, loader.HookInbound))
	if err != nil {
		progs.close()
	}
	return progs, err
}

// unpinWatch removes the pins of the programs.
func unpinWatch(t *maps.Table, virtual string) error {
	var errs []error
	for _, hook := range watchHooks {
		errs = append(errs, unpinProgram(t, hook, watchPin(virtual, hook)))
	}
	return errors.Join(errs...)
}

// attachTo attaches the program for what arrives to a device, if there is one.
func (p *watchPrograms) attachTo(links loader.Links, l netlink.Link) error {
	if p.inbound == nil {
		return nil
	}
	if err := attachOrSwap(links, loader.HookInbound, l, p.inbound); err != nil {
		return fmt.Errorf("check what arrives on %s: %w", l.Attrs().Name, err)
	}
	return nil
}

func (p *watchPrograms) close() {
	for _, prog := range []*ebpf.Program{p.wire, p.inbound} {
		if prog != nil {
			_ = prog.Close()
		}
	}
}
