// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/loader"
)

const (
	// monitorPause is how often a monitor looks for notices.
	monitorPause = 20 * time.Millisecond
	// monitorPatience is how long it waits for one whose writer was stopped in the midst.
	monitorPatience = time.Second
)

// Monitor reads the notices of a network namespace. There may be many.
type Monitor struct {
	cookie uint64
	journal
	id      ebpf.MapID
	next    uint64    // number of the next notice
	stuck   time.Time // since when that is being written; zero: it is not
	checked time.Time // that the journal is still the table's
}

// openMonitor begins to read what happens from now on in the calling thread's network
// namespace, which has a table.
func openMonitor() (_ *Monitor, err error) {
	m := &Monitor{}
	if m.cookie, err = loader.NetnsCookie(); err != nil {
		return nil, err
	}
	dir, err := loader.TablePath(m.cookie)
	if err != nil {
		return nil, err
	}
	if m.journal, m.id, err = openJournal(dir); err != nil {
		return nil, err
	}
	m.checked, m.next = time.Now(), atomic.LoadUint64(m.head())
	return m, m.want()
}

// openJournal opens the journal in a table's directory, making it if there is none.
// Returns an error that is os.ErrNotExist if there is no such directory.
func openJournal(dir string) (journal, ebpf.MapID, error) {
	j, id, err := loadJournal(dir)
	if !errors.Is(err, os.ErrNotExist) {
		return j, id, err
	}
	made, err := ebpf.NewMap(journalSpec())
	if err != nil {
		return j, 0, fmt.Errorf("make journal: %w", err)
	}
	defer func() { _ = made.Close() }()
	// Another monitor may be faster.
	if err := made.Pin(filepath.Join(dir, journalName)); err != nil && !errors.Is(err, os.ErrExist) {
		return j, 0, fmt.Errorf("pin journal: %w", err)
	}
	return loadJournal(dir)
}

// want has notices written for some time more.
func (m *Monitor) want() error {
	now, err := abi.Monotonic()
	if until := now + uint64(wantedFor); until > atomic.LoadUint64(m.wanted()) {
		atomic.StoreUint64(m.wanted(), until)
	}
	return err
}

// Read waits for notices and returns them with the number of those that were lost before
// them: of the ones that came too fast for it, only the newest are there. It is to be
// called again at once. Returns ErrNewTable once if the table was made anew.
func (m *Monitor) Read(ctx context.Context) (notices []Notice, lost uint64, err error) {
	for {
		if time.Since(m.checked) > time.Second {
			if err := m.check(); err != nil {
				return nil, 0, err
			}
		}
		notices, lost = m.read()
		if len(notices) > 0 || lost > 0 {
			return notices, lost, nil
		}
		select {
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		case <-time.After(monitorPause):
		}
	}
}

// ErrNewTable says that there is another table now, and that a monitor does not know what
// was done to it at first.
var ErrNewTable = errors.New("the table was made anew")

// check sees that the journal is still the table's. Without a table nothing happens.
func (m *Monitor) check() error {
	m.checked = time.Now()
	dir, err := loader.TablePath(m.cookie)
	if err != nil {
		return err
	}
	j, id, err := openJournal(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if id == m.id {
		return errors.Join(j.Close(), m.want())
	}
	old := m.journal
	m.journal, m.id, m.next = j, id, atomic.LoadUint64(j.head())
	return errors.Join(ErrNewTable, old.Close(), m.want())
}

// mostAtOnce is how many notices are returned at the most.
const mostAtOnce = 1024

// read takes what is there.
func (m *Monitor) read() (notices []Notice, lost uint64) {
	head := atomic.LoadUint64(m.head())
	if head-m.next > journalEntries {
		lost = head - m.next - journalEntries
		m.next += lost
	}
	for m.next < head && len(notices) < mostAtOnce {
		n, state := m.at(m.next)
		switch {
		case state == entryThere:
			notices = append(notices, n)
		case state == entryOverwritten:
			if len(notices) > 0 { // those first, then what is lost
				return notices, lost
			}
			lost++
		case m.stuck.IsZero():
			m.stuck = time.Now()
			return notices, lost
		case time.Since(m.stuck) < monitorPatience:
			return notices, lost
		default:
			if len(notices) > 0 {
				return notices, lost
			}
			lost++
		}
		m.stuck = time.Time{}
		m.next++
	}
	return notices, lost
}

// entryState is what is in the place of an entry.
type entryState uint8

const (
	entryThere entryState = iota
	entryBegun            // is written just now
	entryOverwritten
)

func (m *Monitor) at(number uint64) (Notice, entryState) {
	e := m.entry(number)
	var words entryValue
	before := atomic.LoadUint64(&e[0])
	for i := range words {
		words[i] = atomic.LoadUint64(&e[1+i])
	}
	after := atomic.LoadUint64(&e[0])
	switch {
	case after > number+1:
		return Notice{}, entryOverwritten
	case before != number+1 || after != number+1:
		return Notice{}, entryBegun
	}
	return words.notice(), entryThere
}

// Close ends the reading. Others go on.
func (m *Monitor) Close() error {
	if m.Shared == nil {
		return nil
	}
	return m.Shared.Close()
}
