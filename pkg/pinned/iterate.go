// SPDX-License-Identifier: Apache-2.0

package pinned

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// BatchSize is how many entries one system call reads or writes.
const BatchSize = 4096

// Each calls f with every key and value of a map, in the order of the map, until f returns false or an error. Returns
// the last result of f.
func Each[K, V any](m *ebpf.Map, f func(*K, *V) (more bool, err error)) (more bool, err error) {
	var (
		cursor ebpf.MapBatchCursor
		keys   = make([]K, BatchSize)
		values = make([]V, BatchSize)
	)
	for {
		n, batchErr := m.BatchLookup(&cursor, keys, values, nil)
		for i := range n {
			if more, err := f(&keys[i], &values[i]); err != nil || !more {
				return false, err
			}
		}
		if errors.Is(batchErr, ebpf.ErrKeyNotExist) {
			return true, nil
		}
		if batchErr != nil {
			return false, fmt.Errorf("read map: %w", batchErr)
		}
	}
}

// ReadAll converts every key and value of a map.
func ReadAll[K, V, E any](m *ebpf.Map, convert func(*K, *V) E) (all []E, err error) {
	_, err = Each(m, func(k *K, v *V) (bool, error) {
		all = append(all, convert(k, v))
		return true, nil
	})
	return all, err
}
