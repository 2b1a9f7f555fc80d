// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// stall cancels a run in which no test begins or ends for too long. A machine under load makes all tests
// slow, which is no reason to end the suite.
type stall struct {
	limit time.Duration
	timer *time.Timer

	mu   sync.Mutex
	what string // the last test that began or ended
}

// watchStall cancels ctx if there is no progress for limit. The first test may take as long as first to
// begin.
func watchStall(ctx context.Context, first, limit time.Duration) (context.Context, *stall) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &stall{limit: limit, what: "the start of the first test"}
	s.timer = time.AfterFunc(first, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		cancel(fmt.Errorf("no test began or ended for %v since %s: %w", s.limit, s.what, context.DeadlineExceeded))
	})
	return ctx, s
}

// progress records that a test has begun or ended.
func (s *stall) progress(what string) {
	s.mu.Lock()
	s.what = what
	s.mu.Unlock()
	s.timer.Reset(s.limit)
}

func (s *stall) stop() { s.timer.Stop() }
