// SPDX-License-Identifier: Apache-2.0

package index

// SummaryLoad is for tests outside of the package, which need a table.
const SummaryLoad = summaryLoad

// Use is how much of a part of an index is used.
type Use struct{ Used, Room int }

// Use returns how much of the index is used.
func (x *Index) Use() (summaries, entries Use) {
	return Use{int(*x.summaries.used), x.summaries.room()}, Use{int(*x.slots.used), x.slots.room()}
}
