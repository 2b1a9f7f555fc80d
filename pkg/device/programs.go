// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// programSource gives the program for a hook of an ingress interface; it is the caller's to close.
type programSource func(t *maps.Table, hook loader.Hook) (*ebpf.Program, error)

// ingressProgram loads the program for a hook of an ingress interface.
func ingressProgram(t *maps.Table, hook loader.Hook) (*ebpf.Program, error) {
	if hook == loader.HookXDP {
		return loader.LoadXDP(t.Replacements())
	}
	return loader.LoadIngressTC(t.Replacements())
}

// The programs of ingress interfaces are pinned, so that an interface that comes back gets them
// from a process that may not load programs.
func programPin(hook loader.Hook) string { return "eroute_ingress_" + string(hook) }

// freshPrograms loads a program and pins it.
func freshPrograms(t *maps.Table, hook loader.Hook) (*ebpf.Program, error) {
	prog, err := ingressProgram(t, hook)
	if err != nil {
		return nil, err
	}
	if err := t.Dir().PinOver(prog, programPin(hook)); err != nil {
		return nil, errors.Join(fmt.Errorf("pin program of %s: %w", hook, err), prog.Close())
	}
	return prog, nil
}

// pinnedPrograms returns the pinned program, or loads it if a version attached that pinned none.
func pinnedPrograms(t *maps.Table, hook loader.Hook) (*ebpf.Program, error) {
	prog, err := ebpf.LoadPinnedProgram(t.Dir().Path(programPin(hook)), nil)
	if errors.Is(err, fs.ErrNotExist) {
		return freshPrograms(t, hook)
	}
	if err != nil {
		return nil, fmt.Errorf("open program of %s: %w", hook, err)
	}
	return prog, nil
}

// unpinPrograms is for when no ingress interface is left.
func unpinPrograms(t *maps.Table) error {
	var errs []error
	for _, hook := range ingressHooks {
		if err := os.Remove(t.Dir().Path(programPin(hook))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("unpin program of %s: %w", hook, err))
		}
	}
	return errors.Join(errs...)
}
