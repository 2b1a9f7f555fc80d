// SPDX-License-Identifier: Apache-2.0

package tries

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// EntryWriter writes eroutes in batches, one system call each, while the next batch is collected. A queued
// eroute is not yet in the table.
type EntryWriter struct {
	gen *Generation
	v4  pending[bpf.ABIErouteKey4]
	v6  pending[bpf.ABIErouteKey6]
}

// pending holds entries that are queued to be written.
type pending[K any] struct {
	keys   []K
	values []bpf.ABIErouteValue
	spare  *pending[K] // the next batch to fill
	under  chan error  // result of the write in progress; nil: none
	failed error       // error of a write, after which there are no further ones
}

// NewEntryWriter returns a writer of a generation's eroutes.
func NewEntryWriter(g *Generation) *EntryWriter { return &EntryWriter{gen: g} }

// Put queues an eroute, to be added or to replace in place the one with its selector.
func (r *EntryWriter) Put(s eroute.Selector, v bpf.ABIErouteValue) error {
	if s.Src.Addr().Is4() {
		return r.v4.put(r.gen.entry4, abi.EntryKey4(s), v)
	}
	return r.v6.put(r.gen.entry6, abi.EntryKey6(s), v)
}

// Flush writes the queued eroutes. No write is in progress when it returns.
func (r *EntryWriter) Flush() error {
	return errors.Join(r.v4.flush(r.gen.entry4), r.v6.flush(r.gen.entry6))
}

// Abandon discards the queued eroutes. No write is in progress when it returns.
func (r *EntryWriter) Abandon() {
	_ = errors.Join(r.v4.wait(), r.v6.wait())
	r.v4, r.v6 = pending[bpf.ABIErouteKey4]{}, pending[bpf.ABIErouteKey6]{}
}

func (p *pending[K]) put(trie *ebpf.Map, key K, value bpf.ABIErouteValue) error {
	p.keys, p.values = append(p.keys, key), append(p.values, value)
	if len(p.keys) < pinned.BatchSize {
		return nil
	}
	if err := p.wait(); err != nil {
		return err
	}
	if p.spare == nil {
		p.spare = &pending[K]{}
	}
	full := p.spare
	full.keys, p.keys = p.keys, full.keys[:0]
	full.values, p.values = p.values, full.values[:0]
	p.under = make(chan error, 1)
	go func() { p.under <- full.write(trie) }()
	return nil
}

// wait returns when no write is in progress.
func (p *pending[K]) wait() error {
	if p.under != nil {
		p.failed = <-p.under
		p.under = nil
	}
	return p.failed
}

func (p *pending[K]) flush(trie *ebpf.Map) error {
	if err := p.wait(); err != nil {
		return err
	}
	p.failed = p.write(trie)
	p.keys, p.values = p.keys[:0], p.values[:0]
	return p.failed
}

func (p *pending[K]) write(trie *ebpf.Map) error {
	if len(p.keys) == 0 {
		return nil
	}
	n := 0
	if len(p.keys) > 1 {
		// A batch can fail for lack of memory where single updates succeed. If it fails at once, the kernel may
		// leave the count unchanged.
		var err error
		if n, err = trie.BatchUpdate(p.keys, p.values, nil); err != nil && n == len(p.keys) {
			n = 0
		}
	}
	for i := n; i < len(p.keys); i++ {
		if err := trie.Put(&p.keys[i], &p.values[i]); err != nil {
			return fmt.Errorf("write eroute: %w", err)
		}
	}
	return nil
}
