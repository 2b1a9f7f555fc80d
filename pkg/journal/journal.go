// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

const (
	mapName = "eroute_journal"
	entries = 32768
)

// leaseTime is how long events are written after a reader has renewed its lease.
const leaseTime = 3 * time.Second

// entry is an event behind a sequence number: 0 while the event is written, then its number plus 1.
type entry [entryWords]uint64

// journal is the mapped array.
type journal struct {
	shared *pinned.Shared[entry] // nil: not open
}

// The first element of the array is a header: head counts the entries that were begun, lease is the time until which
// there are readers, CLOCK_MONOTONIC in nanoseconds.
func (j journal) head() *uint64  { return &j.shared.All[0][0] }
func (j journal) lease() *uint64 { return &j.shared.All[0][1] }

func (j journal) entry(number uint64) *entry { return &j.shared.All[1+number%entries] }

// MapSpec returns the spec of the map.
func MapSpec() *ebpf.MapSpec {
	return &ebpf.MapSpec{
		Name: mapName, Type: ebpf.Array, Flags: unix.BPF_F_MMAPABLE,
		KeySize: 4, ValueSize: entryWords * 8, MaxEntries: 1 + entries,
	}
}

// load maps the journal of a table into memory; dir is the pin directory. Returns an error that is os.ErrNotExist if
// there is none.
func load(dir string) (j journal, id ebpf.MapID, err error) {
	m, err := ebpf.LoadPinnedMap(filepath.Join(dir, mapName), nil)
	if err != nil {
		return j, 0, fmt.Errorf("open journal: %w", err)
	}
	defer func() { _ = m.Close() }()
	info, err := m.Info()
	if err != nil {
		return j, 0, fmt.Errorf("open journal: %w", err)
	}
	id, _ = info.ID()
	if m.ValueSize() != entryWords*8 {
		return j, 0, fmt.Errorf("open journal: entries of %d bytes, not %d: another version of this program made it", m.ValueSize(), entryWords*8)
	}
	j.shared, err = pinned.OpenShared[entry](m, false)
	return j, id, err
}

// put writes an event.
func (j journal) put(e *Event) {
	words := e.words()
	number := atomic.AddUint64(j.head(), 1) - 1
	to := j.entry(number)
	atomic.StoreUint64(&to[0], 0)
	for i, w := range words {
		atomic.StoreUint64(&to[1+i], w)
	}
	atomic.StoreUint64(&to[0], number+1)
}

// hasReaders reports whether there are readers.
func (j journal) hasReaders() (bool, error) {
	now, err := abi.Monotonic()
	return atomic.LoadUint64(j.lease()) > now, err
}
