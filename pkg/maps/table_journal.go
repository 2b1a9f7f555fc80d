// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"fmt"
	"iter"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// OpenMonitor begins to read what happens from now on in the calling thread's network
// namespace, making the table if there is none.
func OpenMonitor() (*Monitor, error) {
	t, err := OpenWrite()
	if err != nil {
		return nil, err
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	return openMonitor()
}

// notices is what monitors are told of the changes that were made.
func (w *writer) notices() iter.Seq[Notice] {
	return func(yield func(Notice) bool) {
		for i := range w.made {
			c := w.changes.At(i)
			if !yield(Notice{Kind: changeNotices[c.Op], Eroute: c.Selector, SAID: c.SAID}) {
				return
			}
		}
	}
}

var changeNotices = map[eroute.Op]NoticeKind{
	eroute.OpAdd: NoticeAdd, eroute.OpReplace: NoticeReplace, eroute.OpDel: NoticeDel, eroute.OpClear: NoticeClear,
}

// restored is what monitors are told of a table that was put in the place of another.
func restored(e Effect) iter.Seq[Notice] {
	detail := fmt.Sprintf("%d added, %d changed, %d deleted, %d kept", e.Added, e.Changed, e.Deleted, e.Kept)
	return func(yield func(Notice) bool) { yield(Notice{Kind: NoticeRestore, Detail: detail}) }
}
