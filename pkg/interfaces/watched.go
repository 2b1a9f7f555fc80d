// SPDX-License-Identifier: Apache-2.0

package interfaces

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// The maps of physical devices whose egress has the wire program.
const (
	watchedName = "eroute_watched"      // by ifindex
	nearName    = "eroute_watched_near" // by ifindex modulo its size, of the devices added last
)

// Watched is the programs' configuration of a watched physical device.
type Watched struct {
	DropUnmatched bool // packets without an eroute are dropped
}

// PutWatched writes the programs' configuration of a watched physical device.
func (s *Set) PutWatched(ifindex uint32, w Watched) error {
	word := uint64(ifindex)<<32 | uint64(bpf.ABIWatchedWATCHED)
	if w.DropUnmatched {
		word |= uint64(bpf.ABIWatchedWATCHED_DROP_UNMATCHED)
	}
	if err := errors.Join(s.maps[watchedName].Put(ifindex, word), s.maps[nearName].Put(near(ifindex), word)); err != nil {
		return fmt.Errorf("write watched device: %w", err)
	}
	return nil
}

func near(ifindex uint32) uint32 { return ifindex % uint32(bpf.ABILimitsWATCHED_NEAR) }

// DeleteWatched deletes the programs' configuration of a physical device, if there is one.
func (s *Set) DeleteWatched(ifindex uint32) error {
	var word uint64
	err := s.maps[nearName].Lookup(near(ifindex), &word)
	if err == nil && word>>32 == uint64(ifindex) {
		err = s.maps[nearName].Put(near(ifindex), uint64(0))
	}
	if err != nil {
		return fmt.Errorf("delete watched device: %w", err)
	}
	if err := s.maps[watchedName].Delete(ifindex); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("delete watched device: %w", err)
	}
	return nil
}

// PassesUnmatched reports whether packets without an eroute leave a watched physical device as they are.
func (s *Set) PassesUnmatched() (bool, error) {
	watched, err := s.Watched()
	for _, w := range watched {
		if !w.DropUnmatched {
			return true, nil
		}
	}
	return false, err
}

// Watched returns the programs' configuration of all watched physical devices, by ifindex.
func (s *Set) Watched() (map[uint32]Watched, error) {
	type device struct {
		ifindex uint32
		Watched
	}
	all, err := pinned.ReadAll(s.maps[watchedName], func(ifindex *uint32, word *uint64) device {
		return device{*ifindex, Watched{*word&uint64(bpf.ABIWatchedWATCHED_DROP_UNMATCHED) != 0}}
	})
	if err != nil {
		return nil, fmt.Errorf("list watched devices: %w", err)
	}
	watched := make(map[uint32]Watched)
	for _, d := range all {
		watched[d.ifindex] = d.Watched
	}
	return watched, nil
}
