// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/lookup"
	"github.com/ipsec-eroute/eroute/pkg/relaywire"
)

// SwapPinned replaces the pinned programs that commands run with those of this version.
func (t *Table) SwapPinned() error {
	return errors.Join(
		t.swapPinned(loader.LoadLookup, lookup.PinName),
		t.swapPinned(loader.LoadNotify, relaywire.NotifyPin),
	)
}

func (t *Table) swapPinned(load func(map[string]*ebpf.Map) (*ebpf.Program, error), name string) error {
	prog, err := load(t.Replacements())
	if err != nil {
		return err
	}
	defer func() { _ = prog.Close() }()
	if err := t.dir.PinOver(prog, name); err != nil {
		return fmt.Errorf("pin program %s: %w", name, err)
	}
	return nil
}
