// SPDX-License-Identifier: Apache-2.0

package pinned

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Shared is an array that is mapped into memory: it shows the current values without a system call. The kernel maps
// only what is opened for writing. An array that is opened for reading is copied; Now reads its first value again.
type Shared[T any] struct {
	mem   []byte
	All   []T
	Value *T // the first
	array *ebpf.Map
}

// OpenShared maps an array into memory, or copies it if it was opened for reading. The size of T must be that of the
// values, a multiple of 8 bytes.
func OpenShared[T any](m *ebpf.Map, readOnly bool) (*Shared[T], error) {
	if readOnly {
		s := &Shared[T]{array: m, All: make([]T, m.MaxEntries())}
		s.Value = &s.All[0]
		return s, s.readAll()
	}
	mem, err := unix.Mmap(m.FD(), 0, int(m.MaxEntries()*m.ValueSize()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s into memory: %w", m, err)
	}
	first := (*T)(unsafe.Pointer(&mem[0]))
	return &Shared[T]{mem: mem, All: unsafe.Slice(first, m.MaxEntries()), Value: first}, nil
}

func (s *Shared[T]) read() error {
	if err := s.array.Lookup(uint32(0), s.Value); err != nil {
		return fmt.Errorf("read %s: %w", s.array, err)
	}
	return nil
}

func (s *Shared[T]) readAll() error {
	var cursor ebpf.MapBatchCursor
	if _, err := s.array.BatchLookup(&cursor, make([]uint32, len(s.All)), s.All, nil); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("read %s: %w", s.array, err)
	}
	return nil
}

// Now returns the current first value. On an error of the read it returns the last one read.
func (s *Shared[T]) Now() *T {
	if s.array != nil {
		_ = s.read()
	}
	return s.Value
}

// Close unmaps the array. The map stays open.
func (s *Shared[T]) Close() error {
	if s.mem == nil {
		return nil
	}
	return unix.Munmap(s.mem)
}
