// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"sort"
	"sync"
	"time"
)

// Timeline is what was permitted when: the oracle of tests that change a table while
// packets meet it. Its zero value permits nothing. It is for one writer at a time.
type Timeline struct {
	mu    sync.Mutex
	turns []turn // by time
}

// turn is the moment from which on something is permitted, or no more.
type turn struct {
	at  time.Time
	may bool
}

// From says what is permitted from now on.
func (l *Timeline) From(now time.Time, may bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.turns); n == 0 && !may || n > 0 && l.turns[n-1].may == may {
		return
	}
	l.turns = append(l.turns, turn{now.Round(0), may}) // by the wall clock, as frames are
}

// May returns whether it was permitted at a time. At the very moment of a turn it was.
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
