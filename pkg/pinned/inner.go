// SPDX-License-Identifier: Apache-2.0

package pinned

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// Inner maps, the values of an array of maps, are pinned, too. A lookup in the array returns only an ID, and to open
// a map by its ID requires CAP_SYS_ADMIN; to open a pin requires permission for the file. A map is put into the
// array before it is pinned, and unpinned before it is replaced: each pin is of the map in its slot.

// InnerName returns the name of the pin of the inner map in a slot.
func InnerName(array string, slot uint32) string { return fmt.Sprintf("%s-%d", array, slot) }

// OpenInner opens the map in a slot of an array with a name; dir has the pins. A missing pin is restored if options
// permit writing. Returns ebpf.ErrKeyNotExist if the slot is empty.
func OpenInner(dir *loader.Dir, array *ebpf.Map, name string, slot uint32, options *ebpf.LoadPinOptions) (m *ebpf.Map, err error) {
	pin := dir.Path(InnerName(name, slot))
	m, err = ebpf.LoadPinnedMap(pin, options)
	if !errors.Is(err, os.ErrNotExist) {
		return m, err
	}
	// The slot is empty, or the command that filled it was killed before it made the pin.
	if err = array.Lookup(slot, &m); err != nil || options.ReadOnly {
		return m, err
	}
	return m, pinInner(m, pin)
}

// pinInner pins the map in a slot at a path. On a read-only BPF file system, as the packages' relay has it, the next
// command does so.
func pinInner(m *ebpf.Map, path string) error {
	err := m.Pin(path)
	if errors.Is(err, unix.EROFS) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("pin map: %w", err)
	}
	return loader.Share(path)
}

// PutInner puts a map into a slot and pins it. It replaces the map that was there.
func PutInner(array *ebpf.Map, slot uint32, m *ebpf.Map, pin string) error {
	if err := unpinInner(pin); err != nil {
		return err
	}
	if err := array.Put(slot, m); err != nil {
		return err
	}
	return pinInner(m, pin)
}

// PutInners puts maps into consecutive free slots, from first on, and pins them. It makes one update, because the
// kernel waits for an RCU grace period after each.
func PutInners(array *ebpf.Map, first uint32, maps []*ebpf.Map, pin func(slot uint32) string) error {
	if err := InstallInners(array, first, maps); err != nil {
		return err
	}
	for i, m := range maps {
		if err := pinInner(m, pin(first+uint32(i))); err != nil {
			return err
		}
	}
	return nil
}

// InstallInners is PutInners without pins.
func InstallInners(array *ebpf.Map, first uint32, maps []*ebpf.Map) error {
	slots, fds := make([]uint32, len(maps)), make([]uint32, len(maps))
	for i, m := range maps {
		slots[i], fds[i] = first+uint32(i), uint32(m.FD())
	}
	_, err := array.BatchUpdate(slots, fds, nil)
	return err
}

// NewMaps creates n maps from one spec. On error it creates none.
func NewMaps(spec *ebpf.MapSpec, n int) ([]*ebpf.Map, error) {
	made := make([]*ebpf.Map, n)
	err := InParallel(n, func(i int) (err error) {
		made[i], err = ebpf.NewMap(spec)
		return err
	})
	if err != nil {
		CloseMaps(made)
		return nil, err
	}
	return made, nil
}

// CloseMaps closes maps. They may be nil.
func CloseMaps(maps []*ebpf.Map) {
	for _, m := range maps {
		_ = m.Close()
	}
}

// TakenSlots returns the slots of an array that have a map, in ascending order.
func TakenSlots(array *ebpf.Map) (slots []uint32, err error) {
	_, err = Each(array, func(slot, id *uint32) (bool, error) {
		if *id != 0 {
			slots = append(slots, *slot)
		}
		return true, nil
	})
	return slots, err
}

// Sequential makes InParallel call one function after the other. Tests that count the system calls of a thread set
// it.
var Sequential bool

// InParallel calls f with 0 to n-1, up to 64 at a time, and returns the first error. The grace periods that the
// kernel waits for overlap.
func InParallel(n int, f func(i int) error) error {
	var all errgroup.Group
	all.SetLimit(64)
	for i := range n {
		if !Sequential {
			all.Go(func() error { return f(i) })
		} else if err := f(i); err != nil {
			return err
		}
	}
	return all.Wait()
}

// DeleteInner unpins and deletes the map in a slot. Idempotent.
func DeleteInner(array *ebpf.Map, slot uint32, pin string) error {
	if err := unpinInner(pin); err != nil {
		return err
	}
	if err := array.Delete(slot); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return err
	}
	return nil
}

// unpinInner removes the pin of a slot. Idempotent.
func unpinInner(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		return nil // os.Remove returns EROFS on a read-only file system
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("unpin map: %w", err)
	}
	return nil
}
