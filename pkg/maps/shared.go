// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"fmt"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// shared is a memory mapped array: what the programs and other commands see, without a
// system call.
type shared[T any] struct {
	mem   []byte
	all   []T
	value *T // the first, of an array of one
}

// openShared maps the array into memory, whose values are a multiple of 8 bytes; prot is PROT_READ, and PROT_WRITE if it is to be changed.
func openShared[T any](m *ebpf.Map, prot int) (*shared[T], error) {
	mem, err := unix.Mmap(m.FD(), 0, int(m.MaxEntries()*m.ValueSize()), prot, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s into memory: %w", m, err)
	}
	first := (*T)(unsafe.Pointer(&mem[0]))
	return &shared[T]{mem, unsafe.Slice(first, m.MaxEntries()), first}, nil
}

func (s *shared[T]) Close() error { return unix.Munmap(s.mem) }
