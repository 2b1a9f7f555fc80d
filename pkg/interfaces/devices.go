// SPDX-License-Identifier: Apache-2.0

package interfaces

import (
	"errors"
	"fmt"
	"iter"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// devicesName is the map of ipsec devices, by ifindex.
const devicesName = "eroute_devices"

// Device is the programs' configuration of an ipsec device.
type Device struct {
	Physical uint32 // ifindex
	HasXFRM  bool
	Allowed  bool   // XFRM policies let packets that are routed into it reach it; only with HasXFRM
	Detour   uint32 // ifindex of the detour device; 0: none
}

// PutDevice writes the programs' configuration of an ipsec device.
func (s *Set) PutDevice(ifindex uint32, d Device) error {
	owner := uint64(ifindex) << 32 // in each word: see find_device in bpf/output.h
	words := bpf.ABIDeviceWords{Physical: owner | uint64(d.Physical), HasXfrm: owner, Detour: owner | uint64(d.Detour)}
	if d.HasXFRM {
		words.HasXfrm |= uint64(bpf.ABIDeviceXfrmDEVICE_XFRM)
	}
	if d.Allowed {
		words.HasXfrm |= uint64(bpf.ABIDeviceXfrmDEVICE_ALLOWED)
	}
	if err := s.maps[devicesName].Put(ifindex, words); err != nil {
		return fmt.Errorf("write device: %w", err)
	}
	return nil
}

// DeleteDevice deletes the programs' configuration of an ipsec device, if there is one.
func (s *Set) DeleteDevice(ifindex uint32) error {
	if err := s.maps[devicesName].Delete(ifindex); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("delete device: %w", err)
	}
	return nil
}

// Device returns the programs' configuration of an interface, and whether that is an ipsec device.
func (s *Set) Device(ifindex uint32) (d Device, exists bool, err error) {
	var words bpf.ABIDeviceWords
	err = s.maps[devicesName].Lookup(ifindex, &words)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return d, false, nil
	}
	if err != nil {
		return d, false, fmt.Errorf("read device: %w", err)
	}
	return newDevice(&words), true, nil
}

// Devices yields the programs' configuration of all ipsec devices, by ifindex. The error is that of reading the
// list.
func (s *Set) Devices() (iter.Seq2[uint32, Device], error) {
	type device struct {
		ifindex uint32
		Device
	}
	all, err := pinned.ReadAll(s.maps[devicesName], func(ifindex *uint32, words *bpf.ABIDeviceWords) device {
		return device{*ifindex, newDevice(words)}
	})
	return func(yield func(uint32, Device) bool) {
		for _, d := range all {
			if !yield(d.ifindex, d.Device) {
				return
			}
		}
	}, err
}

func newDevice(words *bpf.ABIDeviceWords) Device {
	flags := bpf.ABIDeviceXfrm(words.HasXfrm) // its upper half is the owner
	return Device{
		Physical: uint32(words.Physical), HasXFRM: flags != 0, Allowed: flags&bpf.ABIDeviceXfrmDEVICE_ALLOWED != 0,
		Detour: uint32(words.Detour),
	}
}
