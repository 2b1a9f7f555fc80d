// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"fmt"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
)

// Maps that only user space reads: bitmaps of the counter slots and the SA slots that
// are taken, the SAs that have eroutes, and how traps ask.
const (
	idsName   = "eroute_ids"
	slotsName = "eroute_sa_slots"
	saidName  = "eroute_said"
	asksName  = "eroute_asks"
)

// maxAsks bounds the traps that ask in a way of their own: a hash takes memory for its
// maximum, 16 bytes each.
const maxAsks = 262144

var userNames = []string{idsName, slotsName, saidName, asksName}

var userSpecs = []*ebpf.MapSpec{
	bitmapSpec(idsName, uint32(bpf.ABILimitsEROUTE_MAX)),
	bitmapSpec(slotsName, uint32(bpf.ABILimitsEROUTE_MAX_SAS)),
	{
		Name: saidName, Type: ebpf.Hash, Flags: unix.BPF_F_NO_PREALLOC,
		KeySize: saidKeySize, ValueSize: saidValueSize, MaxEntries: uint32(bpf.ABILimitsEROUTE_MAX_SAS),
	},
	{
		Name: asksName, Type: ebpf.Hash, Flags: unix.BPF_F_NO_PREALLOC,
		KeySize: askKeySize, ValueSize: askValueSize, MaxEntries: maxAsks,
	},
}

func bitmapSpec(name string, bits uint32) *ebpf.MapSpec {
	return &ebpf.MapSpec{
		Name: name, Type: ebpf.Array, Flags: unix.BPF_F_MMAPABLE,
		KeySize: 4, ValueSize: 8, MaxEntries: bits / 64,
	}
}

// specs returns the collection that the programs share, every map of maps.h and the
// lookup program. It is read once, and not to be changed.
var specs = sync.OnceValues(func() (*ebpf.CollectionSpec, error) {
	spec, err := bpf.LoadLookup()
	if err != nil {
		return nil, fmt.Errorf("read lookup program: %w", err)
	}
	return spec, bpf.SetMachine(spec)
})

// isTable tells whether a map is one of the table, and not a program's own constants.
func isTable(name string) bool { return !strings.HasPrefix(name, ".") }
