// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"sync"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/maps"
)

const (
	// walkShare is how many times as long as the last walk took it is until the next: all
	// walks together take no more than a hundredth of a CPU.
	walkShare = 100
	// walkPatience is how long a scrape waits for a walk, before it shows the last one.
	walkPatience = time.Second
)

// walks remembers the last walk through a table, and has another made when it is time.
type walks struct {
	walk func() (maps.Scan, error)

	mu      sync.Mutex
	last    *maps.Scan    // nil: none yet
	err     error         // of the one that was made last
	next    time.Time     // when another may begin
	running chan struct{} // closed at the end of the one under way; nil: none is
}

// latest returns a walk that was just made if that does not take long, else the last one.
// The first it waits for.
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
