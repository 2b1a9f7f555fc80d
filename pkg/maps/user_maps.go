// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// Maps that only user space reads: bitmaps of the counter slots and SA slots in use, the SAs that have eroutes,
// and the acquire parameters of traps.
const (
	idsName     = "eroute_ids"
	slotsName   = "eroute_sa_slots"
	saidName    = "eroute_said"
	acquireName = "eroute_acquire"
)

// maxAcquire limits the number of traps with acquire parameters of their own. A hash takes memory for its
// maximum, 16 bytes per entry.
const maxAcquire = 262144

var userNames = []string{idsName, slotsName, saidName, acquireName}

var userSpecs = []*ebpf.MapSpec{
	pinned.BitmapSpec(idsName, uint32(bpf.ABILimitsEROUTE_MAX)),
	pinned.BitmapSpec(slotsName, uint32(bpf.ABILimitsEROUTE_MAX_SAS)),
	{
		Name: saidName, Type: ebpf.Hash, Flags: unix.BPF_F_NO_PREALLOC,
		KeySize: abi.SAIDKeySize, ValueSize: abi.SAIDValueSize, MaxEntries: uint32(bpf.ABILimitsEROUTE_MAX_SAS),
	},
	{
		Name: acquireName, Type: ebpf.Hash, Flags: unix.BPF_F_NO_PREALLOC,
		KeySize: acquireKeySize, ValueSize: acquireValueSize, MaxEntries: maxAcquire,
	},
}
