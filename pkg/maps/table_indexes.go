// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/index"
)

// openIndexes opens the indexes of the generation in use for changes.
func (t *Table) openIndexes() (*index.Set, error) {
	ix := t.indexesOf(t.generation())
	if err := ix.OpenForChanges(t.gen.Family); err != nil {
		_ = ix.Close()
		return nil, err
	}
	return ix, nil
}

// indexesOf returns the indexes of a generation, none of them open.
func (t *Table) indexesOf(generation uint32) *index.Set {
	return index.NewSet(t.maps[index.MapName], t.dir, t.options, generation, abi.SecretsOf(t.meta.Value))
}
