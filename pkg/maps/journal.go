// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// The journal is a ring of entries in a memory mapped array that the first monitor pins
// beside the table. Whoever changes something writes into it and waits for nobody; each
// monitor reads at its own pace, and learns from the entries' numbers what it was too
// slow for. Without a monitor nothing is written.
const (
	journalName    = "eroute_journal"
	journalEntries = 32768
)

// wantedFor is how long a monitor's wish for notices lasts.
const wantedFor = 3 * time.Second

// journalEntry is a notice behind its number, which is 0 while it is written, and
// otherwise 1 more than how many there were before it.
type journalEntry [entryWords]uint64

// journal is the mapped array.
type journal struct{ *pinned.Shared[journalEntry] }

// head is how many entries were begun. wanted is until when somebody reads,
// CLOCK_MONOTONIC in nanoseconds.
func (j journal) head() *uint64   { return &j.All[0][0] }
func (j journal) wanted() *uint64 { return &j.All[0][1] }

func (j journal) entry(number uint64) *journalEntry { return &j.All[1+number%journalEntries] }

func journalSpec() *ebpf.MapSpec {
	return &ebpf.MapSpec{
		Name: journalName, Type: ebpf.Array, Flags: unix.BPF_F_MMAPABLE,
		KeySize: 4, ValueSize: entryWords * 8, MaxEntries: 1 + journalEntries,
	}
}

// loadJournal maps the journal that is pinned in a table's directory. Returns an error
// that is os.ErrNotExist if there is none.
func loadJournal(dir string) (j journal, id ebpf.MapID, err error) {
	m, err := ebpf.LoadPinnedMap(filepath.Join(dir, journalName), nil)
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
	j.Shared, err = pinned.OpenShared[journalEntry](m, false)
	return j, id, err
}

// put writes an entry.
func (j journal) put(n *Notice) {
	words := n.words()
	number := atomic.AddUint64(j.head(), 1) - 1
	e := j.entry(number)
	atomic.StoreUint64(&e[0], 0)
	for i, w := range words {
		atomic.StoreUint64(&e[1+i], w)
	}
	atomic.StoreUint64(&e[0], number+1)
}

// isWanted tells whether a monitor reads.
func (j journal) isWanted() (bool, error) {
	now, err := abi.Monotonic()
	return atomic.LoadUint64(j.wanted()) > now, err
}

// Teller tells monitors what happens, if there are any.
type Teller struct {
	cookie uint64
	journal
	looked time.Time // for the journal
}

// NewTeller returns one for the calling thread's network namespace.
func NewTeller() (*Teller, error) {
	cookie, err := loader.NetnsCookie()
	return &Teller{cookie: cookie}, err
}

// Tell tells all monitors. It does not wait for them.
func (t *Teller) Tell(notices ...Notice) error {
	if t.Shared != nil {
		if wanted, err := t.isWanted(); err != nil || wanted {
			t.putAll(notices)
			return err
		}
	}
	if time.Since(t.looked) < time.Second {
		return nil
	}
	// The first monitor makes the journal, and with another table there is another one.
	t.looked = time.Now()
	if err := t.Close(); err != nil {
		return err
	}
	dir, err := loader.TablePath(t.cookie)
	if err != nil {
		return err
	}
	switch t.journal, _, err = loadJournal(dir); {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	wanted, err := t.isWanted()
	if wanted {
		t.putAll(notices)
	}
	return err
}

func (t *Teller) putAll(notices []Notice) {
	for i := range notices {
		t.put(&notices[i])
	}
}

// Close gives the journal back.
func (t *Teller) Close() error {
	if t.Shared == nil {
		return nil
	}
	err := t.Shared.Close()
	t.Shared = nil
	return err
}

// publish writes what was done just now to the table whose pins are in a directory, if anybody reads.
func publish(dir string, notices iter.Seq[Notice]) (err error) {
	j, _, err := loadJournal(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	if wanted, err := j.isWanted(); err != nil || !wanted {
		return err
	}
	now := time.Now()
	for n := range notices {
		n.Time = now
		j.put(&n)
	}
	return nil
}
