// SPDX-License-Identifier: Apache-2.0

package index

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// Set is the indexes of one generation of the table. If an index cannot be built, lookups fall back to the tries. Not
// for concurrent use.
type Set struct {
	outer      *ebpf.Map
	dir        *loader.Dir // pin directory
	options    *ebpf.LoadPinOptions
	generation uint32
	secret     *abi.Secrets
	open       [len(abi.Families)]*Index
	lost       [len(abi.Families)]bool // by family: could not be built, and is not tried again
	err        error                   // an index that has fewer eroutes than the tries could not be removed
}

// firstSlot returns the slot of the first chunk of an index.
func (ix *Set) firstSlot(i int) uint32 { return (2*ix.generation + uint32(i)) * maxChunks }

func (ix *Set) pin(slot uint32) string { return ix.dir.Path(pinned.InnerName(MapName, slot)) }

// NewSet returns the indexes of a generation, none of them open: outer is the array of chunks, dir the pin directory,
// options how chunks are opened.
func NewSet(outer *ebpf.Map, dir *loader.Dir, options *ebpf.LoadPinOptions, generation uint32, secret *abi.Secrets) *Set {
	return &Set{outer: outer, dir: dir, options: options, generation: generation, secret: secret}
}

// OpenForChanges opens the indexes. One that is missing is built from the tries, which entries reads; one with many
// stale entries is built again. No packet may use them meanwhile.
func (ix *Set) OpenForChanges(entries ReadEntries) error {
	err := ix.OpenExisting()
	for i, x := range ix.open {
		switch {
		case err != nil:
		case x == nil:
			err = ix.build(entries, i)
		case x.head.Stale > max(x.head.Slots, staleLimit) && unix.Access(ix.dir.Path(), unix.W_OK) == nil:
			ix.remake(i, int(x.head.Summaries), int(x.head.Slots))
		}
	}
	return err
}

// Index returns the index of the family abi.Families[i], nil if it is not open.
func (ix *Set) Index(i int) *Index { return ix.open[i] }

// Err returns an error if packets must not use the indexes.
func (ix *Set) Err() error { return ix.err }

// Close closes the indexes. Returns an error if packets must not use them.
func (ix *Set) Close() error {
	errs := []error{ix.err}
	for i, x := range ix.open {
		if x != nil {
			errs = append(errs, x.Close())
			ix.open[i] = nil
		}
	}
	return errors.Join(errs...)
}

// CloseAsync calls Close in another goroutine: to unmap large indexes takes milliseconds.
func (ix *Set) CloseAsync() <-chan error {
	closed := make(chan error, 1)
	go func() { closed <- ix.Close() }()
	return closed
}

// OpenExisting opens the indexes that exist.
func (ix *Set) OpenExisting() error {
	for i, family := range abi.Families {
		s, err := ix.chunks(i)
		if err != nil {
			return fmt.Errorf("open index: %w", err)
		}
		if len(s) == 0 {
			continue
		}
		x, err := openIndex(s, family, ix.secret)
		pinned.CloseMaps(s)
		if err != nil {
			return err
		}
		ix.open[i] = x
	}
	return nil
}

// chunks opens the chunks of an index. Returns none if it does not exist.
func (ix *Set) chunks(i int) (all chunks, err error) {
	for n := range maxChunks {
		m, err := pinned.OpenInner(ix.dir, ix.outer, MapName, ix.firstSlot(i)+n, ix.options)
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			break
		}
		if err != nil {
			pinned.CloseMaps(all)
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// staleLimit: an index is built again after this number of deletions, or as many as there are eroutes left, whichever
// is more.
const staleLimit = 65536

// ReadEntries reads the eroutes of one family from the tries.
type ReadEntries func(eroute.Family) ([]abi.Entry, error)

// build creates the index of the eroutes in the tries, if there are any.
func (ix *Set) build(entries ReadEntries, i int) error {
	all, err := entries(abi.Families[i])
	if err != nil || len(all) == 0 {
		return err
	}
	summaries := ix.newSummaryCount(len(all))
	for _, e := range all {
		summaries.add(e.Selector)
	}
	ix.reserve(i, summaries.estimate(), len(all))
	for _, e := range all {
		ix.Put(e.Selector, e.Value)
	}
	return nil
}

// reserve makes room for a number of additional summaries and eroutes.
func (ix *Set) reserve(i, summaries, slots int) {
	if x := ix.open[i]; x != nil {
		summaries += int(x.head.Summaries)
		slots += int(x.head.Slots)
		if summaries <= x.summaries.room() && slots <= x.slots.room() {
			return
		}
		summaries, slots = max(summaries, x.summaries.room()), max(slots, x.slots.room())
	}
	ix.remake(i, summaries, slots)
}

// ReserveFor makes room for the selectors of eroutes that are going to be put, n of each family.
func (ix *Set) ReserveFor(selectors iter.Seq[eroute.Selector], n [len(abi.Families)]int) {
	var summaries [len(abi.Families)]*summaryCount
	for i := range n {
		summaries[i] = ix.newSummaryCount(n[i])
	}
	for s := range selectors {
		summaries[abi.FamilyIndex(s)].add(s)
	}
	for i := range n {
		if n[i] > 0 {
			ix.reserve(i, summaries[i].estimate(), n[i])
		}
	}
}

// Put adds an eroute or replaces its value.
func (ix *Set) Put(s eroute.Selector, v bpf.ABIErouteValue) {
	i := abi.FamilyIndex(s)
	for range 3 {
		x := ix.Ensure(s)
		if x == nil {
			return
		}
		value, err := x.insert(s)
		if err == nil {
			*value = ValueOf(&v)
			return
		}
		if x.summaries.isFull() {
			ix.remake(i, 2*x.summaries.room(), x.slots.room())
		} else {
			ix.remake(i, x.summaries.room(), 2*x.slots.room())
		}
	}
	ix.lose(i)
}

// minSlots is the minimum room of an index, in summaries and eroutes.
const minSlots = 64

// Ensure returns the index for a selector. It creates one if there is none; nil if that fails.
func (ix *Set) Ensure(s eroute.Selector) *Index {
	i := abi.FamilyIndex(s)
	if ix.open[i] == nil {
		ix.remake(i, minSlots, minSlots)
	}
	return ix.open[i]
}

// Drop deletes an eroute.
func (ix *Set) Drop(s eroute.Selector) {
	if x := ix.open[abi.FamilyIndex(s)]; x != nil {
		x.Drop(s)
	}
}

// remake replaces an index, or none, by one with room for numbers of summaries and eroutes.
func (ix *Set) remake(i, summaries, slots int) {
	if ix.lost[i] {
		return
	}
	old := ix.open[i]
	s, x, err := create(abi.Families[i], ix.secret, summaries, slots)
	if err != nil {
		ix.lose(i)
		return
	}
	if old != nil {
		for selector, value := range old.All {
			to, failed := x.insert(selector)
			if failed != nil {
				err = failed
				break
			}
			*to = *value
		}
		_ = old.Close()
	}
	if err == nil {
		err = ix.install(i, s)
	}
	ix.open[i] = x
	if err != nil {
		ix.lose(i)
	}
	pinned.CloseMaps(s)
}

// install replaces the chunks of an index.
func (ix *Set) install(i int, s chunks) error {
	if err := ix.remove(i); err != nil {
		return err
	}
	return pinned.PutInners(ix.outer, ix.firstSlot(i), s, ix.pin)
}

// lose removes an index that cannot be built.
func (ix *Set) lose(i int) {
	ix.lost[i] = true
	if x := ix.open[i]; x != nil {
		_ = x.Close()
		ix.open[i] = nil
	}
	ix.err = errors.Join(ix.err, ix.remove(i))
}

// remove removes an index, if there is one.
func (ix *Set) remove(i int) error {
	slots, err := pinned.TakenSlots(ix.outer)
	if err != nil {
		return err
	}
	slots = slices.DeleteFunc(slots, func(slot uint32) bool { return slot/maxChunks != ix.firstSlot(i)/maxChunks })
	err = pinned.InParallel(len(slots), func(n int) error { return pinned.DeleteInner(ix.outer, slots[n], ix.pin(slots[n])) })
	if err != nil {
		return fmt.Errorf("remove index: %w", err)
	}
	return nil
}

// RemoveAll removes the indexes of the generation.
func (ix *Set) RemoveAll() error {
	var errs []error
	for i := range abi.Families {
		errs = append(errs, ix.remove(i))
	}
	return errors.Join(errs...)
}

// Rebuild replaces the indexes by new ones, built from the tries, and closes them.
func (ix *Set) Rebuild(entries ReadEntries) error {
	if err := ix.RemoveAll(); err != nil {
		return err
	}
	for i := range abi.Families {
		if err := ix.build(entries, i); err != nil {
			return err
		}
	}
	return ix.Close()
}
