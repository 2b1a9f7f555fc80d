// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// batchSize is how many entries are read from a trie at a time.
const batchSize = 4096

// eachPair calls f with every key of a map and its value, as long as it returns true and
// no error. Returns what f has returned last.
func eachPair[K, V any](m *ebpf.Map, f func(*K, *V) (more bool, err error)) (more bool, err error) {
	var (
		cursor ebpf.MapBatchCursor
		keys   = make([]K, batchSize)
		values = make([]V, batchSize)
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

// readAll returns what convert makes of every key of a map and its value.
func readAll[K, V, E any](m *ebpf.Map, convert func(*K, *V) E) (all []E, err error) {
	_, err = eachPair(m, func(k *K, v *V) (bool, error) {
		all = append(all, convert(k, v))
		return true, nil
	})
	return all, err
}
