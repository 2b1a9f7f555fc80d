// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"math/bits"
	"time"

	"github.com/ipsec-eroute/eroute/bpf"
)

// Steps is the number of probes of the index before a lookup falls back to the tries.
const Steps = 2 * int(bpf.ABILimitsINDEX_STEPS)

// Limit4 and Limit6 are the times in softirq above which a packet is reported.
const (
	Limit4 = 20 * time.Microsecond
	Limit6 = 60 * time.Microsecond
)

// times holds the durations of the parts of a lookup, in nanoseconds, on the host of docs/performance; TestTimes
// compares them with the kernel's programs.
type times struct {
	probe  int // one probe of the index
	lookup int // one lookup in a trie
	node   int // one trie node on the path
	limit  time.Duration
}

var (
	times4 = times{probe: 25, lookup: 80, node: 6, limit: Limit4}
	times6 = times{probe: 30, lookup: 100, node: 12, limit: Limit6}
)

// work is the work of the lookups in a packet's sources.
type work struct {
	probes  int // probes of the index
	lookups int // lookups in the tries
	nodes   int // visited nodes of the tries
}

func (w work) plus(o work) work {
	return work{w.probes + o.probes, w.lookups + o.lookups, w.nodes + o.nodes}
}

// total returns the number of probes and lookups, and their time in nanoseconds.
func (w work) total(t *times) (lookups, ns int) {
	if w.probes <= Steps {
		return w.probes, w.probes * t.probe
	}
	return Steps + w.lookups, Steps*t.probe + w.lookups*t.lookup + w.nodes*t.node
}

// tuplesOf returns the tuples whose selectors can match packets of a protocol, without ports or with ports.
func tuplesOf(hasPorts bool) uint8 {
	if hasPorts {
		return 1<<bpf.ABIErouteTupleTUPLES - 1
	}
	return unported
}

const unported = 1<<bpf.ABIErouteTupleTUPLE_ANY | 1<<bpf.ABIErouteTupleTUPLE_PROTO

func tupleCount(tuples uint8) int { return bits.OnesCount8(tuples) }
