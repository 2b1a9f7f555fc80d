// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/sas"
)

// Maps that only user space reads, in addition to those of package sas: the bitmap of the counter slots in use, and
// the acquire parameters of traps.
const (
	idsName     = "eroute_ids"
	acquireName = "eroute_acquire"
)

// maxAcquire limits the number of traps with acquire parameters of their own. A hash takes memory for its
// maximum, 16 bytes per entry.
const maxAcquire = 262144

var userNames = []string{idsName, sas.BitmapName, sas.BlocksName, sas.EntriesName, acquireName}

var userSpecs = []*ebpf.MapSpec{
	pinned.BitmapSpec(idsName, uint32(bpf.ABILimitsEROUTE_MAX)),
	sas.BitmapSpec, sas.BlocksSpec, sas.EntriesSpec,
	{
		Name: acquireName, Type: ebpf.Hash, Flags: unix.BPF_F_NO_PREALLOC,
		KeySize: acquireKeySize, ValueSize: acquireValueSize, MaxEntries: maxAcquire,
	},
}
