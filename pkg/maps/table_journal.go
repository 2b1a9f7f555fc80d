// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"fmt"
	"iter"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/journal"
)

// OpenJournal starts reading the events of the calling thread's network namespace. It creates the table if
// there is none.
func OpenJournal() (*journal.Reader, error) {
	t, err := OpenWrite()
	if err != nil {
		return nil, err
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	return journal.Open()
}

// events yields the events of the changes that were made.
func (w *writer) events() iter.Seq[journal.Event] {
	return func(yield func(journal.Event) bool) {
		for i := range w.made {
			c := w.changes.At(i)
			e := journal.Event{Kind: changeEvents[c.Op], Eroute: c.Selector, SAID: c.SAID}
			if c.Followed {
				e.Detail = "follows a policy of XFRM"
			}
			if !yield(e) {
				return
			}
		}
	}
}

var changeEvents = map[eroute.Op]journal.Kind{
	eroute.OpAdd: journal.KindAdd, eroute.OpReplace: journal.KindReplace, eroute.OpDel: journal.KindDel, eroute.OpClear: journal.KindClear,
}

// restoreEvent yields the event of a restore.
func restoreEvent(e Effect) iter.Seq[journal.Event] {
	detail := fmt.Sprintf("%d added, %d changed, %d deleted, %d kept", e.Added, e.Changed, e.Deleted, e.Kept)
	return func(yield func(journal.Event) bool) { yield(journal.Event{Kind: journal.KindRestore, Detail: detail}) }
}
