// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"fmt"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/cache"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/lookup"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/relaywire"
	"github.com/ipsec-eroute/eroute/pkg/tries"
)

// create pins the maps of an empty table and the lookup program in dir.
func create(dir string) error {
	if err := loader.CheckDescriptors(); err != nil {
		return err
	}
	if err := rlimit.RemoveMemlock(); err != nil {
		return fmt.Errorf("lift the memory lock limit: %w", err)
	}
	spec, err := pinned.Specs()
	if err != nil {
		return err
	}
	coll, err := ebpf.NewCollection(spec)
	if err != nil {
		return fmt.Errorf("load lookup program: %w", err)
	}
	defer coll.Close()
	for name, m := range coll.Maps {
		if !pinned.IsTableMap(name) {
			continue
		}
		if err := m.Pin(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("pin map %s: %w", name, err)
		}
	}
	if err := coll.Programs[lookup.PinName].Pin(filepath.Join(dir, lookup.PinName)); err != nil {
		return fmt.Errorf("pin lookup program: %w", err)
	}
	for _, spec := range UserSpecs {
		m, err := ebpf.NewMap(spec)
		if err != nil {
			return fmt.Errorf("create map %s: %w", spec.Name, err)
		}
		err = m.Pin(filepath.Join(dir, spec.Name))
		_ = m.Close()
		if err != nil {
			return fmt.Errorf("pin map %s: %w", spec.Name, err)
		}
	}
	if err := relaywire.PinNotify(dir, coll.Maps); err != nil {
		return err
	}
	if err := relaywire.Initialize(coll.Maps["eroute_relay"]); err != nil {
		return err
	}
	meta := bpf.ABITableMeta{Limit: uint32(bpf.ABILimitsEROUTE_DEFAULT_LIMIT), Version: 1}
	if err := abi.ChooseSecrets(&meta); err != nil {
		return err
	}
	if err := cache.Create(coll.Maps, &meta); err != nil {
		return err
	}
	if err := coll.Maps["eroute_meta"].Put(uint32(0), meta); err != nil {
		return fmt.Errorf("write table limits: %w", err)
	}
	return tries.Create(dir, coll.Maps, 0)
}
