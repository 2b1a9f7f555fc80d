// SPDX-License-Identifier: Apache-2.0

package journal

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
	// pollInterval is how often a reader looks for events.
	pollInterval = 20 * time.Millisecond
	// stuckTimeout is how long it waits for an event that is begun: its publisher may have been killed.
	stuckTimeout = time.Second
)

// Reader reads the events of a network namespace. There can be several.
type Reader struct {
	cookie uint64
	journal
	id      ebpf.MapID
	next    uint64    // number of the next event
	stuck   time.Time // since when the next event is being written; zero: it is not
	checked time.Time // when the journal was last compared with that of the table
}

// Open starts to read the events of the network namespace of the calling thread, which must have a table.
func Open() (_ *Reader, err error) {
	r := &Reader{}
	if r.cookie, err = loader.NetnsCookie(); err != nil {
		return nil, err
	}
	dir, err := loader.TablePath(r.cookie)
	if err != nil {
		return nil, err
	}
	if r.journal, r.id, err = openOrCreate(dir); err != nil {
		return nil, err
	}
	r.checked, r.next = time.Now(), atomic.LoadUint64(r.head())
	return r, r.renew()
}

// openOrCreate opens the journal in a pin directory, or creates it. Returns an error that is os.ErrNotExist if there is
// no such directory.
func openOrCreate(dir string) (journal, ebpf.MapID, error) {
	j, id, err := load(dir)
	if !errors.Is(err, os.ErrNotExist) {
		return j, id, err
	}
	made, err := ebpf.NewMap(MapSpec())
	if err != nil {
		return j, 0, fmt.Errorf("create journal: %w", err)
	}
	defer func() { _ = made.Close() }()
	// Another reader may have created it meanwhile.
	if err := made.Pin(filepath.Join(dir, mapName)); err != nil && !errors.Is(err, os.ErrExist) {
		return j, 0, fmt.Errorf("pin journal: %w", err)
	}
	return load(dir)
}

// renew renews the lease.
func (r *Reader) renew() error {
	now, err := abi.Monotonic()
	if until := now + uint64(leaseTime); until > atomic.LoadUint64(r.lease()) {
		atomic.StoreUint64(r.lease(), until)
	}
	return err
}

// Read waits for events. It returns them with the number of those before them that were lost, because they came too
// fast for the reader. Returns ErrNewTable once if the table was replaced.
func (r *Reader) Read(ctx context.Context) (events []Event, lost uint64, err error) {
	for {
		if time.Since(r.checked) > time.Second {
			if err := r.check(); err != nil {
				return nil, 0, err
			}
		}
		events, lost = r.read()
		if len(events) > 0 || lost > 0 {
			return events, lost, nil
		}
		select {
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		case <-time.After(pollInterval):
		}
	}
}

// ErrNewTable is returned if the table was removed and another one created: the first events of that one are lost.
var ErrNewTable = errors.New("the table was created again")

// check opens the journal again if the table was replaced. Without a table it does nothing.
func (r *Reader) check() error {
	r.checked = time.Now()
	dir, err := loader.TablePath(r.cookie)
	if err != nil {
		return err
	}
	j, id, err := openOrCreate(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if id == r.id {
		return errors.Join(j.shared.Close(), r.renew())
	}
	old := r.journal
	r.journal, r.id, r.next = j, id, atomic.LoadUint64(j.head())
	return errors.Join(ErrNewTable, old.shared.Close(), r.renew())
}

// maxRead is the maximum number of events that Read returns.
const maxRead = 1024

// read returns the events that are there.
func (r *Reader) read() (events []Event, lost uint64) {
	head := atomic.LoadUint64(r.head())
	if head-r.next > entries {
		lost = head - r.next - entries
		r.next += lost
	}
	for r.next < head && len(events) < maxRead {
		n, state := r.at(r.next)
		switch {
		case state == entryComplete:
			events = append(events, n)
		case state == entryOverwritten:
			if len(events) > 0 { // return these first, then the count of lost ones
				return events, lost
			}
			lost++
		case r.stuck.IsZero():
			r.stuck = time.Now()
			return events, lost
		case time.Since(r.stuck) < stuckTimeout:
			return events, lost
		default:
			if len(events) > 0 {
				return events, lost
			}
			lost++
		}
		r.stuck = time.Time{}
		r.next++
	}
	return events, lost
}

// entryState is the state of an entry.
type entryState uint8

const (
	entryComplete entryState = iota
	entryPartial             // is being written
	entryOverwritten
)

func (r *Reader) at(number uint64) (Event, entryState) {
	e := r.entry(number)
	var words entryValue
	before := atomic.LoadUint64(&e[0])
	for i := range words {
		words[i] = atomic.LoadUint64(&e[1+i])
	}
	after := atomic.LoadUint64(&e[0])
	switch {
	case after > number+1:
		return Event{}, entryOverwritten
	case before != number+1 || after != number+1:
		return Event{}, entryPartial
	}
	return words.event(), entryComplete
}

// Close closes the journal.
func (r *Reader) Close() error {
	if r.shared == nil {
		return nil
	}
	return r.shared.Close()
}
