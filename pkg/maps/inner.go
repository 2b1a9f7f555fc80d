// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
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
