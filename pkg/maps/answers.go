// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"fmt"
	"math/bits"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
)

// answerNames are the arrays of sheets that hold remembered answers: bpf/cache.h, bpf/early.h.
// Only programs read and write the sheets, so these have no pins.
var answerNames = []string{"eroute_cache", "eroute_early"}

const (
	leastCacheBits = uint32(bpf.ABILimitsCACHE_LEAST_BITS)
	mostCacheBits  = uint32(bpf.ABILimitsCACHE_MOST_BITS)
	cacheSheetBits = uint32(bpf.ABILimitsCACHE_SHEET_BITS)
)

// cacheBits returns how many sets there are for a table of so many eroutes, as a power of 2: answers for
// one flow of each.
func cacheBits(eroutes uint32) uint32 {
	sets := max(eroutes/uint32(bpf.ABILimitsCACHE_WAYS), 1)
	return min(max(uint32(bits.Len32(sets-1)), leastCacheBits), mostCacheBits)
}

// makeAnswers fills the arrays with empty sheets, from a number of sets to another, both as powers of 2.
func makeAnswers(maps map[string]*ebpf.Map, from, to uint32) error {
	first, end := uint32(0), uint32(1)<<(to-cacheSheetBits)
	if from > 0 {
		first = 1 << (from - cacheSheetBits)
	}
	spec, err := specs()
	if err != nil {
		return err
	}
	for _, name := range answerNames {
		made, err := newMaps(spec.Maps[name].InnerMap, int(end-first))
		if err != nil {
			return fmt.Errorf("create %s: %w", name, err)
		}
		err = installInners(maps[name], first, made)
		closeMaps(made)
		if err != nil {
			return fmt.Errorf("install %s: %w", name, err)
		}
	}
	return nil
}

// growAnswers makes room for the answers of a table that has grown. Without memory for it, it
// stays as it is: that costs time and nothing else.
func (t *Table) growAnswers() {
	now, want := t.meta.value.CacheBits, cacheBits(t.count())
	if want <= now || makeAnswers(t.maps, now, want) != nil {
		return
	}
	atomic.StoreUint32(&t.meta.value.CacheBits, want)
}
