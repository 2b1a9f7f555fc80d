// SPDX-License-Identifier: Apache-2.0

// Package netdump reads complete netlink dumps. The kernel marks a dump as inconsistent if the objects changed
// during it: entries may be missing or stale, and the whole dump must be repeated.
package netdump

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	maxTries = 100
	maxPause = 20 * time.Millisecond // between two tries; at most 2 s in total
)

// All calls list until its result is complete. After maxTries interrupted dumps it returns an error that is
// netlink.ErrDumpInterrupted.
func All[T any](list func() ([]T, error)) ([]T, error) {
	pause := time.Millisecond
	for range maxTries {
		all, err := list()
		if err == nil {
			return all, nil
		}
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return nil, err
		}
		time.Sleep(pause)
		pause = min(2*pause, maxPause)
	}
	return nil, fmt.Errorf("changed during each of %d tries: %w", maxTries, netlink.ErrDumpInterrupted)
}

// Links lists the interfaces.
func Links() ([]netlink.Link, error) { return All(netlink.LinkList) }

// Routes lists the routes of a family that match a filter; mask selects the fields to compare.
func Routes(family int, filter *netlink.Route, mask uint64) ([]netlink.Route, error) {
	return All(func() ([]netlink.Route, error) { return netlink.RouteListFiltered(family, filter, mask) })
}

// Rules lists the routing rules of a family that match a filter; mask selects the fields to compare.
func Rules(family int, filter *netlink.Rule, mask uint64) ([]netlink.Rule, error) {
	return All(func() ([]netlink.Rule, error) { return netlink.RuleListFiltered(family, filter, mask) })
}

// Addresses returns the set of the addresses of all interfaces. [net.InterfaceAddrs] does not detect an
// inconsistent dump.
func Addresses() (map[netip.Addr]bool, error) {
	all, err := All(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, unix.AF_UNSPEC) })
	if err != nil {
		return nil, err
	}
	own := make(map[netip.Addr]bool, len(all))
	for _, a := range all {
		if ip, ok := netip.AddrFromSlice(a.IP); ok {
			own[ip.Unmap()] = true
		}
	}
	return own, nil
}
