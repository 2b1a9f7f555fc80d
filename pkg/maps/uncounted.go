// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
)

// The kernel allocates memory even to write a lower number into a trie or a hash, and charges it to the control
// group that created the table. If that group is full, the eroute counts of source prefixes and SAs keep their
// old, higher values. Until repair has written them, no source prefix and no SA is released, and every command
// begins with repair.

// tolerate returns err, or nil if there was no memory to write a lower number. In that case it marks the eroute
// counts as out of date.
func (t *Table) tolerate(err error) error {
	if !errors.Is(err, unix.ENOMEM) {
		return err
	}
	*t.uncounted = true
	return nil
}

// endWriting ends the state that beginWriting or beginBuilding began.
func (t *Table) endWriting() {
	t.growCaches()
	state := bpf.ABIWritingWRITING_NOTHING
	if *t.uncounted {
		state = bpf.ABIWritingWRITING_COUNTS
	}
	atomic.StoreUint32(&t.meta.Value.Writing, uint32(state))
}
