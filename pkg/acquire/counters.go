// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"maps"
	"sync"

	"github.com/ipsec-eroute/eroute/pkg/journal"
)

// Kinds are all kinds of events that a relay reports.
var Kinds = []journal.Kind{journal.KindAcquire, journal.KindHold, journal.KindRelease, journal.KindReap, journal.KindLost}

// Totals are the counts since a relay started, and its current and maximum usage.
type Totals struct {
	Events  map[journal.Kind]uint64
	Packets map[journal.Kind]uint64 // of these events
	Errors  uint64                  // errors that were logged

	StoredPackets, StoredBytes int
	MaxPackets, MaxBytes       int // limits
}

// Counters expose the counts of a running relay to other goroutines. The zero value is ready to use.
type Counters struct {
	mu     sync.Mutex
	totals Totals
}

// Totals returns the current counts.
func (c *Counters) Totals() Totals {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.totals
	t.Events, t.Packets = maps.Clone(t.Events), maps.Clone(t.Packets)
	return t
}

// event counts an event.
func (c *Counters) event(e journal.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.totals.Events == nil {
		c.totals.Events, c.totals.Packets = make(map[journal.Kind]uint64), make(map[journal.Kind]uint64)
	}
	c.totals.Events[e.Kind]++
	c.totals.Packets[e.Kind] += uint64(e.Packets)
}

// failed counts an error.
func (c *Counters) failed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.totals.Errors++
}

// setUsage records the usage of the store.
func (c *Counters) setUsage(s *store) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.totals.StoredPackets, c.totals.StoredBytes = s.packets, s.bytes
	c.totals.MaxPackets, c.totals.MaxBytes = s.maxPackets, s.maxBytes
}
