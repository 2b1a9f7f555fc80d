// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// rows writes eroutes, many with one system call. What waits is not in the table yet.
type rows struct {
	gen *generation
	v4  pending[bpf.ABIRowKey4]
	v6  pending[bpf.ABIRowKey6]
}

// pending are entries that wait to be written.
type pending[K any] struct {
	keys   []K
	values []bpf.ABIRowValue
}

// put adds an eroute, or switches the one with its selector in place: soon.
func (r *rows) put(s eroute.Selector, v bpf.ABIRowValue) error {
	switch key := newRowKey(s).(type) {
	case *bpf.ABIRowKey4:
		return r.v4.put(r.gen.row4, *key, v)
	case *bpf.ABIRowKey6:
		return r.v6.put(r.gen.row6, *key, v)
	default:
		return fmt.Errorf("write eroute: key of type %T", key)
	}
}

// flush writes what waits.
func (r *rows) flush() error {
	if err := r.v4.flush(r.gen.row4); err != nil {
		return err
	}
	return r.v6.flush(r.gen.row6)
}

func (p *pending[K]) put(trie *ebpf.Map, key K, value bpf.ABIRowValue) error {
	p.keys, p.values = append(p.keys, key), append(p.values, value)
	if len(p.keys) < batchSize {
		return nil
	}
	return p.flush(trie)
}

func (p *pending[K]) flush(trie *ebpf.Map) error {
	if len(p.keys) == 0 {
		return nil
	}
	n := 0
	if len(p.keys) > 1 {
		// A batch can fail for want of memory where single updates do not.
		n, _ = trie.BatchUpdate(p.keys, p.values, nil)
	}
	for i := n; i < len(p.keys); i++ {
		if err := trie.Put(&p.keys[i], &p.values[i]); err != nil {
			return fmt.Errorf("write eroute: %w", err)
		}
	}
	p.keys, p.values = p.keys[:0], p.values[:0]
	return nil
}
