// SPDX-License-Identifier: Apache-2.0

package maps

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

// indexes are those of a generation, as a writer changes them. An index that cannot be
// made is done without: packets ask the tries.
type indexes struct {
	outer      *ebpf.Map
	dir        *loader.Dir // where they are pinned
	options    *ebpf.LoadPinOptions
	generation uint32
	secret     *abi.Secrets
	open       [len(abi.Families)]*index
	lost       [len(abi.Families)]bool // there is none, and this command makes none
	err        error                   // one may say less than the tries and is still there: nobody may use it
}

// sheet returns the slot of the first sheet of an index.
func (ix *indexes) sheet(i int) uint32 { return (2*ix.generation + uint32(i)) * mostSheets }

func (ix *indexes) pin(slot uint32) string { return ix.dir.Path(pinned.InnerName(indexName, slot)) }

// newIndexes returns the indexes of a generation, none of them open: outer is the array of the sheets, dir where
// they are pinned.
func newIndexes(outer *ebpf.Map, dir *loader.Dir, options *ebpf.LoadPinOptions, generation uint32, secret *abi.Secrets) *indexes {
	return &indexes{outer: outer, dir: dir, options: options, generation: generation, secret: secret}
}

// openForChanges opens the indexes. One that is missing, or has many stale entries, is built from the tries,
// which entries reads. No packet may use them meanwhile.
func (ix *indexes) openForChanges(entries readEntries) error {
	err := ix.openThere()
	for i, x := range ix.open {
		switch {
		case err != nil:
		case x == nil:
			err = ix.build(entries, i)
		case x.head.Stale > max(x.head.Slots, staleLimit) && unix.Access(ix.dir.Path(), unix.W_OK) == nil:
			ix.remake(i, int(x.head.Kinds), int(x.head.Slots))
		}
	}
	return err
}

// index returns that of a family, by its place in families; nil if it is not open.
func (ix *indexes) index(i int) *index { return ix.open[i] }

// failed returns why packets must not use what there is now.
func (ix *indexes) failed() error { return ix.err }

// Close ends the changes. It fails if packets must not use what there is now.
func (ix *indexes) Close() error {
	errs := []error{ix.err}
	for i, x := range ix.open {
		if x != nil {
			errs = append(errs, x.Close())
			ix.open[i] = nil
		}
	}
	return errors.Join(errs...)
}

// closeBeside is Close in a goroutine of its own.
func (ix *indexes) closeBeside() <-chan error {
	closed := make(chan error, 1)
	go func() { closed <- ix.Close() }()
	return closed
}

// openThere opens the indexes that are there.
func (ix *indexes) openThere() error {
	for i, family := range abi.Families {
		s, err := ix.sheets(i)
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

// sheets opens those of an index, none if it is not there.
func (ix *indexes) sheets(i int) (all sheets, err error) {
	for n := range mostSheets {
		m, err := pinned.OpenInner(ix.dir, ix.outer, indexName, ix.sheet(i)+n, ix.options)
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

// staleLimit is how many eroutes are deleted before an index is made anew, or as many as
// are left if these are more.
const staleLimit = 65536

// readEntries reads the eroutes of one family from the tries.
type readEntries func(eroute.Family) ([]abi.Entry, error)

// build makes an index of the eroutes that are in the tries, if there are any.
func (ix *indexes) build(entries readEntries, i int) error {
	rows, err := entries(abi.Families[i])
	if err != nil || len(rows) == 0 {
		return err
	}
	kinds := ix.newKindCount(len(rows))
	for _, e := range rows {
		kinds.add(e.Selector)
	}
	ix.reserve(i, kinds.estimate(), len(rows))
	for _, e := range rows {
		ix.put(e.Selector, e.Value)
	}
	return nil
}

// reserve makes room for as many kinds and eroutes more.
func (ix *indexes) reserve(i, kinds, slots int) {
	if x := ix.open[i]; x != nil {
		kinds += int(x.head.Summaries)
		slots += int(x.head.Slots)
		if kinds <= x.kinds.room() && slots <= x.slots.room() {
			return
		}
		kinds, slots = max(kinds, x.kinds.room()), max(slots, x.slots.room())
	}
	ix.remake(i, kinds, slots)
}

// reserveFor makes room for eroutes that are to be put, n of each family.
func (ix *indexes) reserveFor(selectors iter.Seq[eroute.Selector], n [len(abi.Families)]int) {
	var kinds [len(abi.Families)]*kindCount
	for i := range n {
		kinds[i] = ix.newKindCount(n[i])
	}
	for s := range selectors {
		kinds[abi.FamilyIndex(s)].add(s)
	}
	for i := range n {
		if n[i] > 0 {
			ix.reserve(i, kinds[i].estimate(), n[i])
		}
	}
}

// put adds an eroute or switches it.
func (ix *indexes) put(s eroute.Selector, v bpf.ABIRowValue) {
	i := abi.FamilyIndex(s)
	for range 3 {
		x := ix.at(s)
		if x == nil {
			return
		}
		row, err := x.place(s)
		if err == nil {
			*row = indexRow(&v)
			return
		}
		if x.kinds.isFull() {
			ix.remake(i, 2*x.kinds.room(), x.slots.room())
		} else {
			ix.remake(i, x.kinds.room(), 2*x.slots.room())
		}
	}
	ix.lose(i)
}

// minSlots is how many eroutes a new index has room for.
const minSlots = 64

// at returns the index for a selector, made if there is none yet; nil if it cannot be.
func (ix *indexes) at(s eroute.Selector) *index {
	i := abi.FamilyIndex(s)
	if ix.open[i] == nil {
		ix.remake(i, minSlots, minSlots)
	}
	return ix.open[i]
}

func (ix *indexes) drop(s eroute.Selector) {
	if x := ix.open[abi.FamilyIndex(s)]; x != nil {
		x.drop(s)
	}
}

// remake puts an index with room for as many kinds and eroutes in the place of one, or of none.
func (ix *indexes) remake(i, kinds, slots int) {
	if ix.lost[i] {
		return
	}
	old := ix.open[i]
	s, x, err := makeIndex(abi.Families[i], ix.secret, kinds, slots)
	if err != nil {
		ix.lose(i)
		return
	}
	if old != nil {
		for selector, row := range old.each {
			to, failed := x.place(selector)
			if failed != nil {
				err = failed
				break
			}
			*to = *row
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

// install puts the sheets of an index in the place of those there are.
func (ix *indexes) install(i int, s sheets) error {
	if err := ix.remove(i); err != nil {
		return err
	}
	return pinned.PutInners(ix.outer, ix.sheet(i), s, ix.pin)
}

// lose does without an index.
func (ix *indexes) lose(i int) {
	ix.lost[i] = true
	if x := ix.open[i]; x != nil {
		_ = x.Close()
		ix.open[i] = nil
	}
	ix.err = errors.Join(ix.err, ix.remove(i))
}

// remove takes an index away, if there is one.
func (ix *indexes) remove(i int) error {
	slots, err := pinned.TakenSlots(ix.outer)
	if err != nil {
		return err
	}
	slots = slices.DeleteFunc(slots, func(slot uint32) bool { return slot/mostSheets != ix.sheet(i)/mostSheets })
	err = pinned.InParallel(len(slots), func(n int) error { return pinned.DeleteInner(ix.outer, slots[n], ix.pin(slots[n])) })
	if err != nil {
		return fmt.Errorf("remove index: %w", err)
	}
	return nil
}

// removeAll takes the indexes of a generation away.
func (ix *indexes) removeAll() error {
	var errs []error
	for i := range abi.Families {
		errs = append(errs, ix.remove(i))
	}
	return errors.Join(errs...)
}

// rebuild makes the indexes anew from what is in the tries.
func (ix *indexes) rebuild(entries readEntries) error {
	if err := ix.removeAll(); err != nil {
		return err
	}
	for i := range abi.Families {
		if err := ix.build(entries, i); err != nil {
			return err
		}
	}
	return ix.Close()
}
