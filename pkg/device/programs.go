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

// programSource returns the program for a hook of an ingress interface; the caller closes it.
type programSource func(t *maps.Table, hook loader.Hook) (*ebpf.Program, error)

// ingressProgram loads the program for a hook of an ingress interface.
func ingressProgram(t *maps.Table, hook loader.Hook) (*ebpf.Program, error) {
	if hook == loader.HookXDP {
		return loader.LoadXDP(t.Replacements())
	}
	return loader.LoadIngressTC(t.Replacements())
}

// programPin returns the name of the pin of an ingress program. These programs are pinned so that a process
// without the privilege to load programs can attach them to an interface that returns.
func programPin(hook loader.Hook) string { return "eroute_ingress_" + string(hook) }

// freshPrograms loads a program and pins it.
func freshPrograms(t *maps.Table, hook loader.Hook) (*ebpf.Program, error) {
	prog, err := ingressProgram(t, hook)
	if err != nil {
		return nil, err
	}
	return prog, pinProgram(t, hook, programPin(hook), prog)
}

// pinnedPrograms returns the pinned program, or loads it if the version that attached pinned none.
func pinnedPrograms(t *maps.Table, hook loader.Hook) (*ebpf.Program, error) {
	prog, err := pinnedProgram(t, hook, programPin(hook))
	if errors.Is(err, fs.ErrNotExist) {
		return freshPrograms(t, hook)
	}
	return prog, err
}

// unpinPrograms removes the pins when no ingress interface is left.
func unpinPrograms(t *maps.Table) error {
	var errs []error
	for _, hook := range ingressHooks {
		errs = append(errs, unpinProgram(t, hook, programPin(hook)))
	}
	return errors.Join(errs...)
}

// pinProgram pins a hook's program under a name. On an error it closes the program.
func pinProgram(t *maps.Table, hook loader.Hook, name string, prog *ebpf.Program) error {
	if err := t.Dir().PinOver(prog, name); err != nil {
		return errors.Join(fmt.Errorf("pin program of %s: %w", hook, err), prog.Close())
	}
	return nil
}

// pinnedProgram returns a hook's program that is pinned under a name; the caller closes it.
func pinnedProgram(t *maps.Table, hook loader.Hook, name string) (*ebpf.Program, error) {
	prog, err := ebpf.LoadPinnedProgram(t.Dir().Path(name), nil)
	if err != nil {
		return nil, fmt.Errorf("open program of %s: %w", hook, err)
	}
	return prog, nil
}

// unpinProgram removes the pin of a hook's program, if there is one.
func unpinProgram(t *maps.Table, hook loader.Hook, name string) error {
	if err := os.Remove(t.Dir().Path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("unpin program of %s: %w", hook, err)
	}
	return nil
}
