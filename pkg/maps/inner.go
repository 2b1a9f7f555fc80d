// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// Maps that are values of an array of maps are pinned, too. The array gives their number
// only, and to open a map by its number takes CAP_SYS_ADMIN; to open a pin takes the
// permission of the file. A map gets into the array first, and its pin is removed before
// it is replaced there: there is no pin of a map that is not in its place.

// innerName is the name of the pin of an array's value.
func innerName(array string, slot uint32) string { return fmt.Sprintf("%s-%d", array, slot) }

// openInner opens the map in a slot. Returns ebpf.ErrKeyNotExist if there is none.
func openInner(dir *loader.Dir, array *ebpf.Map, name string, slot uint32, options *ebpf.LoadPinOptions) (m *ebpf.Map, err error) {
	pin := dir.Path(innerName(name, slot))
	m, err = ebpf.LoadPinnedMap(pin, options)
	if !errors.Is(err, os.ErrNotExist) {
		return m, err
	}
	// None, or the command that made it was killed, or of a version without pins.
	if err = array.Lookup(slot, &m); err != nil || options.ReadOnly {
		return m, err
	}
	return m, pinInner(m, pin)
}

// pinInner pins the map that is in a slot; path is that of the pin. For whom the BPF file
// system is read-only, as for the packages' relay, it leaves that to the next command.
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

// putInner puts a map into a slot, in place of another or of none.
func putInner(array *ebpf.Map, slot uint32, m *ebpf.Map, pin string) error {
	if err := unpinInner(pin); err != nil {
		return err
	}
	if err := array.Put(slot, m); err != nil {
		return err
	}
	return pinInner(m, pin)
}

// putInners puts maps into free slots beside each other, by one update: the kernel waits for packets
// after each.
func putInners(array *ebpf.Map, first uint32, maps []*ebpf.Map, pin func(slot uint32) string) error {
	if err := installInners(array, first, maps); err != nil {
		return err
	}
	for i, m := range maps {
		if err := pinInner(m, pin(first+uint32(i))); err != nil {
			return err
		}
	}
	return nil
}

// installInners is putInners without pins.
func installInners(array *ebpf.Map, first uint32, maps []*ebpf.Map) error {
	slots, fds := make([]uint32, len(maps)), make([]uint32, len(maps))
	for i, m := range maps {
		slots[i], fds[i] = first+uint32(i), uint32(m.FD())
	}
	_, err := array.BatchUpdate(slots, fds, nil)
	return err
}

// newMaps makes n maps that are alike, or none.
func newMaps(spec *ebpf.MapSpec, n int) ([]*ebpf.Map, error) {
	made := make([]*ebpf.Map, n)
	err := atOnce(n, func(i int) (err error) {
		made[i], err = ebpf.NewMap(spec)
		return err
	})
	if err != nil {
		closeMaps(made)
		return nil, err
	}
	return made, nil
}

func closeMaps(maps []*ebpf.Map) {
	for _, m := range maps {
		_ = m.Close() // nil is fine
	}
}

// takenSlots returns the slots of an array that hold a map.
func takenSlots(array *ebpf.Map) (slots []uint32, err error) {
	_, err = eachPair(array, func(slot, id *uint32) (bool, error) {
		if *id != 0 {
			slots = append(slots, *slot)
		}
		return true, nil
	})
	return slots, err
}

// oneByOne is for a test that counts the system calls of a thread.
var oneByOne bool

// atOnce calls f with the numbers below n at the same time. Where the kernel waits for packets it
// does so once for all.
func atOnce(n int, f func(i int) error) error {
	var all errgroup.Group
	all.SetLimit(64)
	for i := range n {
		if !oneByOne {
			all.Go(func() error { return f(i) })
		} else if err := f(i); err != nil {
			return err
		}
	}
	return all.Wait()
}

// deleteInner empties a slot. That it is empty is fine.
func deleteInner(array *ebpf.Map, slot uint32, pin string) error {
	if err := unpinInner(pin); err != nil {
		return err
	}
	if err := array.Delete(slot); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return err
	}
	return nil
}

// unpinInner removes the pin of what is about to leave its slot, if it has one.
func unpinInner(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		return nil // which a read-only file system would not say
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("unpin map: %w", err)
	}
	return nil
}
