// SPDX-License-Identifier: Apache-2.0

package journal

// For tests outside of the package, which need a table.
const (
	PollInterval = pollInterval
	StuckTimeout = stuckTimeout
	Entries      = entries
)

// Head counts the entries that were begun.
func (r *Reader) Head() *uint64 { return r.head() }

// Lease is the time until which there are readers.
func (r *Reader) Lease() *uint64 { return r.lease() }

// Encoded returns the event as a reader gets it.
func (e *Event) Encoded() Event {
	words := e.words()
	return words.event()
}
