// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)

package bpf

import (
	"fmt"
	"runtime"

	"github.com/cilium/ebpf"
)

// SetOrder tells a collection's programs whether this machine's CPUs read in the program's
// order: see order.h. Without it they take care that they do, which costs time.
func SetOrder(spec *ebpf.CollectionSpec) error {
	v := spec.Variables["reads_in_order"]
	if v == nil || runtime.GOARCH != "amd64" {
		return nil
	}
	if err := v.Set(uint8(1)); err != nil {
		return fmt.Errorf("set reads_in_order: %w", err)
	}
	return nil
}
