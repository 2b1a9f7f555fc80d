// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"sort"
	"sync"
	"time"
)

// Timeline records what was permitted at which time: the oracle of tests that change a table under traffic.
// Its zero value permits nothing. It has one writer at a time.
type Timeline struct {
	mu    sync.Mutex
	turns []turn // by time
}

// turn is the time from which something is permitted, or not permitted.
type turn struct {
	at  time.Time
	may bool
}

// From records what is permitted from now on.
func (l *Timeline) From(now time.Time, may bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.turns); n == 0 && !may || n > 0 && l.turns[n-1].may == may {
		return
	}
	l.turns = append(l.turns, turn{now.Round(0), may}) // by the wall clock, like the times of frames
}

// May reports whether it was permitted at a time. At the exact time of a turn it was.
func (l *Timeline) May(at time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	after := sort.Search(len(l.turns), func(i int) bool { return l.turns[i].at.After(at) })
	if after == 0 {
		return false
	}
	last := l.turns[after-1]
	return last.may || last.at.Equal(at)
}
