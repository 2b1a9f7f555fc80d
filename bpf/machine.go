// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)

package bpf

import (
	"fmt"
	"runtime"

	"github.com/cilium/ebpf"
)

// SetMachine fits a collection to this machine: how many CPUs it may have, by which counters
// lie (count.h), and whether these read in the program's order (barrier.h).
func SetMachine(spec *ebpf.CollectionSpec) error {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return fmt.Errorf("count CPUs: %w", err)
	}
	if m := spec.Maps["eroute_counters"]; m != nil {
		m.MaxEntries = uint32(cpus) * uint32(ABILimitsCOUNTER_CHUNKS)
	}
	if err := setVariable(spec, "possible_cpus", uint32(cpus)); err != nil {
		return err
	}
	if runtime.GOARCH != "amd64" {
		return nil // programs take care of the order, which costs time
	}
	return setVariable(spec, "reads_in_order", uint8(1))
}

// setVariable sets a variable of the programs, if they have it.
func setVariable(spec *ebpf.CollectionSpec, name string, value any) error {
	v := spec.Variables[name]
	if v == nil {
		return nil
	}
	if err := v.Set(value); err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	return nil
}
