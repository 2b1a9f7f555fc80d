// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"context"
	"sync"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/diff"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/journal"
)

// The time for which changes are collected before a comparison.
const (
	OpensPause = 100 * time.Millisecond // after the last change
	opensLimit = time.Second            // after the first change
)

// MaxOpens is the maximum number of selectors reported per comparison.
const MaxOpens = 20

// Opens reports which packets changes of the table newly send in clear. It applies the events
// of a monitor to a copy of the table, at no cost for the commands that make the changes.
type Opens struct {
	Read            func() (*diff.Table, error) // reads the table
	PassesUnmatched func() (bool, error)        // whether packets without an eroute can leave in clear
	Report          func(Opened) error

	mu      sync.Mutex
	table   *diff.Table
	changes eroute.Changes // not yet applied to table
	stale   bool           // table must be read again
	first   time.Time      // time of the first collected change
	timer   *time.Timer    // non-nil while changes are pending
	err     error          // of background work
	running sync.WaitGroup
	looking sync.Mutex // held during a comparison
}

// Opened is a set of packets that a change newly sends in clear, or the number of further sets.
type Opened struct {
	At     time.Time
	Class  diff.Class
	Region *diff.Region // nil: see More
	More   int
}

var noticeOps = map[journal.Kind]eroute.Op{
	journal.KindAdd: eroute.OpAdd, journal.KindReplace: eroute.OpReplace, journal.KindDel: eroute.OpDel, journal.KindClear: eroute.OpClear,
}

// lacksSAID reports whether an eroute was added whose SAID does not fit into the journal: a large group of SAs.
func lacksSAID(n *journal.Event) bool {
	return (n.Kind == journal.KindAdd || n.Kind == journal.KindReplace) && n.SAID == (eroute.SAID{})
}

// Begin reads the table. Changes from now on are reported.
func (w *Opens) Begin() (err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.table, err = w.Read()
	return err
}

// Add adds an event. Events that do not change the table are ignored. Returns the error of an earlier report.
func (w *Opens) Add(e *Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.table == nil:
		return w.err
	case e.Notice != nil && e.Notice.Kind == journal.KindRestore, e.Notice != nil && lacksSAID(e.Notice), e.Missed != nil:
		w.stale = true
	case e.Notice != nil && noticeOps[e.Notice.Kind] != 0:
		w.changes.Append(eroute.Change{Op: noticeOps[e.Notice.Kind], Selector: e.Notice.Eroute, SAID: e.Notice.SAID})
	default:
		return w.err
	}
	if w.timer == nil {
		w.first = time.Now()
		w.running.Add(1)
		w.timer = time.AfterFunc(OpensPause, w.look)
	} else if time.Since(w.first) < opensLimit && w.timer.Stop() {
		w.timer.Reset(OpensPause)
	}
	return w.err
}

// look compares the table before and after the collected changes.
func (w *Opens) look() {
	defer w.running.Done()
	w.looking.Lock()
	defer w.looking.Unlock()
	w.mu.Lock()
	before, changes, stale := w.table, w.changes, w.stale
	w.changes, w.stale, w.timer = eroute.Changes{}, false, nil
	w.mu.Unlock()
	after, err := w.compare(before, &changes, stale)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
	if err == nil {
		w.table = after
	}
}

func (w *Opens) compare(before *diff.Table, changes *eroute.Changes, stale bool) (after *diff.Table, err error) {
	if stale {
		after, err = w.Read()
	} else {
		after, err = before.With(changes)
	}
	if err != nil {
		return nil, err
	}
	passes, err := w.PassesUnmatched()
	if err != nil {
		return nil, err
	}
	result, err := diff.Compare(context.Background(), before, after, diff.Opening(passes))
	if err != nil {
		return nil, err
	}
	now, n := time.Now(), 0
	for _, of := range result.OpensClear() {
		for i := range of.Regions {
			if n++; n > MaxOpens {
				continue
			}
			if err := w.Report(Opened{At: now, Class: of.Class, Region: &of.Regions[i]}); err != nil {
				return nil, err
			}
		}
	}
	if n > MaxOpens {
		err = w.Report(Opened{At: now, More: n - MaxOpens})
	}
	return after, err
}

// End compares the remaining changes and waits for the reports.
func (w *Opens) End() error {
	w.mu.Lock()
	if w.timer != nil && w.timer.Stop() {
		w.timer.Reset(0)
	}
	w.mu.Unlock()
	w.running.Wait()
	return w.err
}
