// SPDX-License-Identifier: Apache-2.0

// Package interfaces configures network interfaces for the programs: ipsec devices, the physical devices that they
// watch, and the interfaces that frames arrive on.
package interfaces

import (
	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// Set is the configuration of the interfaces of a table.
type Set struct {
	maps map[string]*ebpf.Map
	meta *pinned.Shared[bpf.ABITableMeta]
}

// New returns the configuration of the interfaces of a table: maps are those of the table by name, meta has its secrets.
func New(maps map[string]*ebpf.Map, meta *pinned.Shared[bpf.ABITableMeta]) *Set {
	return &Set{maps, meta}
}
