// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"sync/atomic"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/cache"
)

// generation returns the number of the generation in use.
func (t *Table) generation() uint32 { return atomic.LoadUint32(&t.meta.Now().Generation) }

func (t *Table) setGeneration(n uint32) { atomic.StoreUint32(&t.meta.Value.Generation, n) }

// beginWriting stops packets from reading and filling the cache until endWriting. Cache entries from before are
// invalid afterwards, see bpf/cache.h.
func (t *Table) beginWriting() {
	atomic.StoreUint32(&t.meta.Value.Writing, uint32(bpf.ABIWritingWRITING_TABLE))
	atomic.AddUint64(&t.meta.Value.Version, 1) // after writing is visible
}

// beginBuilding notes that a standby table is being built. The table in use does not change.
func (t *Table) beginBuilding() {
	atomic.StoreUint32(&t.meta.Value.Writing, uint32(bpf.ABIWritingWRITING_STANDBY))
}

// endWriting ends the state that beginWriting or beginBuilding began.
func (t *Table) endWriting() {
	cache.Grow(t.maps, t.meta.Value)
	state := bpf.ABIWritingWRITING_NOTHING
	if *t.uncounted {
		state = bpf.ABIWritingWRITING_COUNTS
	}
	atomic.StoreUint32(&t.meta.Value.Writing, uint32(state))
}

// writing reports whether a command changes the table, or was killed while it did.
func (t *Table) writing() bool { return t.writingState() != bpf.ABIWritingWRITING_NOTHING }

func (t *Table) writingState() bpf.ABIWriting {
	return bpf.ABIWriting(atomic.LoadUint32(&t.meta.Now().Writing))
}

// count returns the number of eroutes.
func (t *Table) count() uint32 {
	meta := t.meta.Now()
	return atomic.LoadUint32(&meta.Count[0]) + atomic.LoadUint32(&meta.Count[1])
}

// addCount adds n, which may be negative, to the number of eroutes of a family.
func (t *Table) addCount(family, n int) { atomic.AddUint32(&t.meta.Value.Count[family], uint32(n)) }

// setCounts sets the number of eroutes of each family.
func (t *Table) setCounts(counts [len(abi.Families)]uint32) {
	for family, n := range counts {
		atomic.StoreUint32(&t.meta.Value.Count[family], n)
	}
}

func (t *Table) limit() uint32 { return atomic.LoadUint32(&t.meta.Now().Limit) }

func (t *Table) setLimit(n uint32) { atomic.StoreUint32(&t.meta.Value.Limit, n) }

// haveFlows reports whether a trap has ever made a flow. If not, flow lookups are skipped.
func (t *Table) haveFlows() bool { return atomic.LoadUint32(&t.relay.Now().FlowTuples) != 0 }
