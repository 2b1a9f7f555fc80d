// SPDX-License-Identifier: Apache-2.0

// Package traps stores the parameters of the ACQUIREs that traps send, in a map that only user space reads.
package traps

import (
	"errors"
	"reflect"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// ValueType is the type of the values of the map.
var ValueType = reflect.TypeFor[acquireValue]()

// MapName is the name of the map.
const MapName = "eroute_acquire"

// maxAcquire limits the number of traps with acquire parameters of their own. A hash takes memory for its
// maximum, 16 bytes per entry.
const maxAcquire = 262144

// Spec describes the map.
var Spec = &ebpf.MapSpec{
	Name: MapName, Type: ebpf.Hash, Flags: unix.BPF_F_NO_PREALLOC,
	KeySize: uint32(unsafe.Sizeof(bpf.ABIFlowKey{})), ValueSize: uint32(unsafe.Sizeof(acquireValue{})), MaxEntries: maxAcquire,
}

// Set is the acquire parameters of the traps of a table, by selector.
type Set struct{ m *ebpf.Map }

// NewSet returns the acquire parameters in a map.
func NewSet(m *ebpf.Map) *Set { return &Set{m} }

// Replace replaces the acquire parameters of all traps.
func (p *Set) Replace(all map[eroute.Selector]eroute.AcquireParams) error {
	var errs pinned.ErrorList
	errs.Add(p.DeleteOthers(func(s eroute.Selector) bool {
		_, there := all[s]
		return there
	}))
	for s, params := range all {
		if old, err := p.Read(s); err != nil || old != params {
			errs.Add(errors.Join(err, p.Put(s, params)))
		}
	}
	return errs.Err()
}
