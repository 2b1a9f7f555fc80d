// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/cilium/ebpf"
)

// ErrElsewhere is returned if the network namespace has a table in another BPF file system: that of a container
// which shares the network with its host, or that of the host.
var ErrElsewhere = errors.New("this network namespace has an eroute table in another BPF file system, of a container or of its host: " +
	"run ipsec where the table was made, or with that /sys/fs/bpf mounted here")

// cookieName is a map in each pin directory that holds the cookie of its network namespace. No other process
// opens the map, so it exists as long as the directory does. It can be found by its id, whatever file system
// the directory is in.
const cookieName = "eroute_netns"

// pinCookie pins the map in a new pin directory. Returns ErrElsewhere if another directory of the same network
// namespace has one.
func pinCookie(path string) error {
	cookie, err := NetnsCookie()
	if err != nil {
		return err
	}
	if err := checkElsewhere(cookie); err != nil {
		return err
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{
		Name: cookieName, Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1,
		Contents: []ebpf.MapKV{{Key: uint32(0), Value: cookie}},
	})
	if err != nil {
		return fmt.Errorf("create map %s: %w", cookieName, err)
	}
	defer func() { _ = m.Close() }()
	if err := m.Pin(filepath.Join(path, cookieName)); err != nil {
		return fmt.Errorf("pin map %s: %w", cookieName, err)
	}
	return nil
}

// elsewherePatience is the time allowed for the kernel to free unpinned maps.
const elsewherePatience = time.Second

// checkElsewhere returns ErrElsewhere if a pin directory of the network namespace with this cookie exists. The
// caller has checked that its own BPF file system has none. Without CAP_SYS_ADMIN it finds none.
func checkElsewhere(cookie uint64) error {
	for deadline := time.Now().Add(elsewherePatience); hasCookie(cookie); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return ErrElsewhere
		}
	}
	return nil
}

func hasCookie(cookie uint64) bool {
	for id := ebpf.MapID(0); ; {
		next, err := ebpf.MapGetNextID(id)
		if err != nil { // that was the last, or we lack the permission
			return false
		}
		id = next
		if m, err := ebpf.NewMapFromID(id); err == nil {
			found := cookieOf(m) == cookie
			_ = m.Close()
			if found {
				return true
			}
		}
	}
}

// cookieOf returns the cookie in a pin directory's map; 0 if it is another map.
func cookieOf(m *ebpf.Map) (cookie uint64) {
	info, err := m.Info()
	if err != nil || info.Name != cookieName || m.Type() != ebpf.Array || m.KeySize() != 4 || m.ValueSize() != 8 {
		return 0
	}
	if m.Lookup(uint32(0), &cookie) != nil {
		return 0
	}
	return cookie
}
