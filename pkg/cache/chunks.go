// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"
	"math/bits"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// caches describes the arrays of chunks that hold each family's cache, see bpf/cache.h. Only programs read and
// write the chunks, so these have no pins.
var caches = [len(abi.Families)]struct {
	names     [2]string
	chunkBits uint32 // buckets in a chunk, as a power of 2
}{
	{[...]string{"eroute_cache4", "eroute_fpcache4"}, uint32(bpf.ABILimitsCACHE_CHUNK_BITS4)},
	{[...]string{"eroute_cache6", "eroute_fpcache6"}, uint32(bpf.ABILimitsCACHE_CHUNK_BITS6)},
}

// bucketBits returns the number of cache buckets, as a power of 2, for a number of eroutes of a family: enough
// entries for one flow per eroute.
func bucketBits(family int, eroutes uint32) uint32 {
	chunkBits := caches[family].chunkBits
	if eroutes == 0 {
		return chunkBits
	}
	buckets := uint32(bits.Len32(eroutes / uint32(bpf.ABILimitsCACHE_WAYS)))
	return min(max(buckets, uint32(bpf.ABILimitsCACHE_MIN_BITS)), chunkBits+uint32(bpf.ABILimitsCACHE_MAX_CHUNKS_BITS))
}

// newChunks fills the arrays of a family with empty chunks up to a number of buckets, as a power of 2.
// from is the current number, as a power of 2; 0: none.
func newChunks(maps map[string]*ebpf.Map, family int, from, to uint32) error {
	first, end := uint32(0), uint32(1)<<(to-caches[family].chunkBits)
	if from > 0 {
		first = 1 << (from - caches[family].chunkBits)
	}
	spec, err := pinned.Specs()
	if err != nil {
		return err
	}
	for _, name := range caches[family].names {
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

// Create fills the arrays of both families for a table without eroutes, and notes their sizes in meta.
func Create(maps map[string]*ebpf.Map, meta *bpf.ABITableMeta) error {
	for family := range caches {
		meta.CacheBits[family] = bucketBits(family, 0)
		if err := newChunks(maps, family, 0, meta.CacheBits[family]); err != nil {
			return err
		}
	}
	return nil
}

// Grow enlarges the caches after the table has grown. Best effort: without memory, packets miss more often.
func Grow(maps map[string]*ebpf.Map, meta *bpf.ABITableMeta) {
	for family := range caches {
		now := meta.CacheBits[family]
		want := bucketBits(family, atomic.LoadUint32(&meta.Count[family]))
		if want > now && newChunks(maps, family, now, want) == nil {
			atomic.StoreUint32(&meta.CacheBits[family], want)
		}
	}
}
