// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"sync"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/maps"
)

const (
	// walkShare is the pause until the next walk, as a multiple of the time that the last one took: walks use at
	// most a hundredth of a CPU.
	walkShare = 100
	// walkPatience is how long a scrape waits for a walk before it uses the last result.
	walkPatience = time.Second
)

// walks caches the result of the last walk through a table, and starts the next one when it is due.
type walks struct {
	walk func() (maps.Scan, error)

	mu      sync.Mutex
	last    *maps.Scan    // nil: none yet
	err     error         // of the latest walk
	next    time.Time     // earliest start of another walk
	running chan struct{} // closed when the current walk ends; nil: none is running
}

// latest returns a new result if the walk does not take long, otherwise the cached one. It always waits for the
// first walk.
func (w *walks) latest() (maps.Scan, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running == nil && !time.Now().Before(w.next) {
		w.running = make(chan struct{})
		go w.run(w.running)
	}
	if running := w.running; running != nil {
		var enough <-chan time.Time
		if w.last != nil {
			enough = time.After(walkPatience)
		}
		w.mu.Unlock()
		select {
		case <-running:
		case <-enough:
		}
		w.mu.Lock()
	}
	if w.err != nil {
		return maps.Scan{}, w.err
	}
	return *w.last, nil
}

func (w *walks) run(done chan struct{}) {
	began := time.Now()
	walk, err := w.walk()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err = err; err == nil {
		w.last = &walk
		w.next = time.Now().Add(walkShare * time.Since(began))
	}
	w.running = nil
	close(done)
}
