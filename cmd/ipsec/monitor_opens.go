// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"sync"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/diff"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/monitor"
)

// How long a monitor waits for more changes before it looks what those so far have opened.
const (
	opensPause = 100 * time.Millisecond
	opensLimit = time.Second // at most, from the first on
)

// maxOpens is how many selectors are told of one change.
const maxOpens = 20

// opensWatch finds out what changes of the table open: it has a copy of the table, to which
// it makes the changes that monitors are told of. It costs those nothing who make them.
type opensWatch struct {
	read func() (*diff.Table, error) // the table as it is
	tell func(opened) error

	mu      sync.Mutex
	table   *diff.Table
	changes eroute.Changes // not made to it yet
	stale   bool           // it is to be read again
	first   time.Time      // when the first of them came
	timer   *time.Timer    // runs if there are any
	err     error          // of what ran in the background
	busy    sync.WaitGroup
	looking sync.Mutex // one at a time
}

// opened is packets that a change sends in clear, or how many more selectors of them there
// are.
type opened struct {
	at     time.Time
	class  diff.Class
	region *diff.Region
	more   int
}

var noticeOps = map[maps.NoticeKind]eroute.Op{
	maps.NoticeAdd: eroute.OpAdd, maps.NoticeReplace: eroute.OpReplace, maps.NoticeDel: eroute.OpDel, maps.NoticeClear: eroute.OpClear,
}

// begin reads the table; changes from now on are told of.
func (w *opensWatch) begin() (err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.table, err = w.read()
	return err
}

// note takes an event that may be a change of the table. Returns an error of what was told
// before.
func (w *opensWatch) note(e *monitor.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.table == nil:
		return w.err
	case e.Notice != nil && e.Notice.Kind == maps.NoticeRestore, e.Missed != nil:
		w.stale = true
	case e.Notice != nil && noticeOps[e.Notice.Kind] != 0:
		w.changes.Append(eroute.Change{Op: noticeOps[e.Notice.Kind], Selector: e.Notice.Eroute, SAID: e.Notice.SAID})
	default:
		return w.err
	}
	if w.timer == nil {
		w.first = time.Now()
		w.busy.Add(1)
		w.timer = time.AfterFunc(opensPause, w.look)
	} else if time.Since(w.first) < opensLimit && w.timer.Stop() {
		w.timer.Reset(opensPause)
	}
	return w.err
}

// look compares the table with what it is after the changes.
func (w *opensWatch) look() {
	defer w.busy.Done()
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

func (w *opensWatch) compare(before *diff.Table, changes *eroute.Changes, stale bool) (after *diff.Table, err error) {
	if stale {
		after, err = w.read()
	} else {
		after, err = before.With(changes)
	}
	if err != nil {
		return nil, err
	}
	result, err := diff.Compare(context.Background(), before, after, diffOptions)
	if err != nil {
		return nil, err
	}
	now, n := time.Now(), 0
	for _, of := range result.OpensClear() {
		for i := range of.Regions {
			if n++; n > maxOpens {
				continue
			}
			if err := w.tell(opened{at: now, class: of.Class, region: &of.Regions[i]}); err != nil {
				return nil, err
			}
		}
	}
	if n > maxOpens {
		err = w.tell(opened{at: now, more: n - maxOpens})
	}
	return after, err
}

// end waits for what is being looked at, and looks at what is left.
func (w *opensWatch) end() error {
	w.mu.Lock()
	if w.timer != nil && w.timer.Stop() {
		w.timer.Reset(0)
	}
	w.mu.Unlock()
	w.busy.Wait()
	return w.err
}
