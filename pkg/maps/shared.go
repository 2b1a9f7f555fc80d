// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"fmt"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// shared is the one value of a memory mapped array: what the programs see, without a
// system call.
type shared[T any] struct {
	mem   []byte
	value *T
}

// openShared maps the array into memory; prot is PROT_READ, and PROT_WRITE if it is to be changed.
func openShared[T any](m *ebpf.Map, prot int) (*shared[T], error) {
	mem, err := unix.Mmap(m.FD(), 0, int(m.ValueSize()), prot, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s into memory: %w", m, err)
	}
	return &shared[T]{mem, (*T)(unsafe.Pointer(&mem[0]))}, nil
}

func (s *shared[T]) Close() error { return unix.Munmap(s.mem) }
