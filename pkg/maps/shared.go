// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// shared is a memory mapped array: what the programs and other commands see, without a
// system call. The kernel maps only what is opened for writing; of what is opened for
// reading there is a copy, whose first value now reads again.
type shared[T any] struct {
	mem   []byte
	all   []T
	value *T // the first, of an array of one
	array *ebpf.Map
}

// openShared maps the array into memory, whose values are a multiple of 8 bytes, or
// copies them.
func openShared[T any](m *ebpf.Map, readOnly bool) (*shared[T], error) {
	if readOnly {
		s := &shared[T]{array: m, all: make([]T, m.MaxEntries())}
		s.value = &s.all[0]
		return s, s.readAll()
	}
	mem, err := unix.Mmap(m.FD(), 0, int(m.MaxEntries()*m.ValueSize()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s into memory: %w", m, err)
	}
	first := (*T)(unsafe.Pointer(&mem[0]))
	return &shared[T]{mem: mem, all: unsafe.Slice(first, m.MaxEntries()), value: first}, nil
}

func (s *shared[T]) read() error {
	if err := s.array.Lookup(uint32(0), s.value); err != nil {
		return fmt.Errorf("read %s: %w", s.array, err)
	}
	return nil
}

func (s *shared[T]) readAll() error {
	var cursor ebpf.MapBatchCursor
	if _, err := s.array.BatchLookup(&cursor, make([]uint32, len(s.all)), s.all, nil); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("read %s: %w", s.array, err)
	}
	return nil
}

// now is the first value as it is now; a copy stays as it was if it cannot be read.
func (s *shared[T]) now() *T {
	if s.array != nil {
		_ = s.read()
	}
	return s.value
}

func (s *shared[T]) Close() error {
	if s.mem == nil {
		return nil
	}
	return unix.Munmap(s.mem)
}
