// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"sync/atomic"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
)

// generation is the number of the table that packets meet.
func (t *Table) generation() uint32 { return atomic.LoadUint32(&t.meta.Now().Generation) }

func (t *Table) setGeneration(n uint32) { atomic.StoreUint32(&t.meta.Value.Generation, n) }

// beginWriting has packets neither use nor leave remembered answers until endWriting,
// after which none from before counts: bpf/cache.h.
func (t *Table) beginWriting() {
	atomic.StoreUint32(&t.meta.Value.Writing, uint32(bpf.ABIWritingWRITING_TABLE))
	atomic.AddUint64(&t.meta.Value.Version, 1) // once writing is seen
}

// beginBuilding notes that a table is made beside the one that packets meet, which goes on
// as it is.
func (t *Table) beginBuilding() {
	atomic.StoreUint32(&t.meta.Value.Writing, uint32(bpf.ABIWritingWRITING_STANDBY))
}

// writing tells whether a command changes the table, or was killed while it did.
func (t *Table) writing() bool { return t.writingState() != bpf.ABIWritingWRITING_NOTHING }

func (t *Table) writingState() bpf.ABIWriting {
	return bpf.ABIWriting(atomic.LoadUint32(&t.meta.Now().Writing))
}

// count is how many eroutes there are.
func (t *Table) count() uint32 {
	meta := t.meta.Now()
	return atomic.LoadUint32(&meta.Count[0]) + atomic.LoadUint32(&meta.Count[1])
}

// addCount notes that there are so many eroutes more of a family; less than 0, fewer.
func (t *Table) addCount(family, n int) { atomic.AddUint32(&t.meta.Value.Count[family], uint32(n)) }

// setCounts notes how many eroutes there are of each family.
func (t *Table) setCounts(counts [len(abi.Families)]uint32) {
	for family, n := range counts {
		atomic.StoreUint32(&t.meta.Value.Count[family], n)
	}
}

func (t *Table) limit() uint32 { return atomic.LoadUint32(&t.meta.Now().Limit) }

func (t *Table) setLimit(n uint32) { atomic.StoreUint32(&t.meta.Value.Limit, n) }

// haveFlows tells whether traps have ever made flows: if not, there is no need to look for one.
func (t *Table) haveFlows() bool { return atomic.LoadUint32(&t.relay.Now().FlowTuples) != 0 }
