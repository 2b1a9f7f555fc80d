// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"fmt"
	"math/bits"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// answers are the arrays of sheets that hold what is remembered of each family's packets: bpf/cache.h.
// Only programs read and write the sheets, so these have no pins.
var answers = [len(abi.Families)]struct {
	names     [2]string
	sheetBits uint32 // sets of a sheet, as a power of 2
}{
	{[...]string{"eroute_cache4", "eroute_fpcache4"}, uint32(bpf.ABILimitsCACHE_CHUNK_BITS4)},
	{[...]string{"eroute_cache6", "eroute_fpcache6"}, uint32(bpf.ABILimitsCACHE_CHUNK_BITS6)},
}

// cacheBits returns how many sets a family with so many eroutes has, as a power of 2: answers for one flow
// of each.
func cacheBits(family int, eroutes uint32) uint32 {
	sheet := answers[family].sheetBits
	if eroutes == 0 {
		return sheet
	}
	sets := uint32(bits.Len32(eroutes / uint32(bpf.ABILimitsCACHE_WAYS)))
	return min(max(sets, uint32(bpf.ABILimitsCACHE_MIN_BITS)), sheet+uint32(bpf.ABILimitsCACHE_MAX_CHUNKS_BITS))
}

// makeAnswers fills a family's arrays with empty sheets, up to a number of sets as a power of 2. From is the
// number there is, 0 for none.
func makeAnswers(maps map[string]*ebpf.Map, family int, from, to uint32) error {
	first, end := uint32(0), uint32(1)<<(to-answers[family].sheetBits)
	if from > 0 {
		first = 1 << (from - answers[family].sheetBits)
	}
	spec, err := pinned.Specs()
	if err != nil {
		return err
	}
	for _, name := range answers[family].names {
		made, err := pinned.NewMaps(spec.Maps[name].InnerMap, int(end-first))
		if err != nil {
			return fmt.Errorf("create %s: %w", name, err)
		}
		err = pinned.InstallInners(maps[name], first, made)
		pinned.CloseMaps(made)
		if err != nil {
			return fmt.Errorf("install %s: %w", name, err)
		}
	}
	return nil
}

// growAnswers makes room for the answers of a table that has grown. Without memory for it, it
// stays as it is: that costs time and nothing else.
func (t *Table) growAnswers() {
	for family := range answers {
		now := t.meta.Value.CacheBits[family]
		want := cacheBits(family, atomic.LoadUint32(&t.meta.Value.Count[family]))
		if want > now && makeAnswers(t.maps, family, now, want) == nil {
			atomic.StoreUint32(&t.meta.Value.CacheBits[family], want)
		}
	}
}
