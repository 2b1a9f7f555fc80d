// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/relaywire"
)

// Limits on the events, and the bytes of their packets, that wait in the relay's memory while its loop is busy;
// at a limit the relay stops sending heartbeats. They are about those of the ring buffer.
const (
	intakeEvents = relaywire.MaxEvents
	intakeBytes  = 4 << 20
)

// ring is the source of events: a *maps.Relay.
type ring interface {
	Wait(time.Duration) error
	Read() (relaywire.Event, error)
}

// intake queues the kernel's events for the loop, in order. The loop can also take all pending events at any
// moment.
type intake struct {
	ring ring
	come chan struct{} // events are queued
	room chan struct{} // events were taken

	mu     sync.Mutex
	events []relaywire.Event // read from the ring, not yet taken
	bytes  int               // of their packets, total
}

func newIntake(r ring) *intake {
	return &intake{ring: r, come: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// run reads events until the context ends. It calls heartbeat about every heartbeatTimeout/6 as long as
// events are taken.
func (in *intake) run(ctx context.Context, heartbeat func() error) error {
	var last time.Time
	for ctx.Err() == nil {
		full, err := in.read()
		if err != nil {
			return err
		}
		if full {
			select {
			case <-in.room:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if time.Since(last) >= heartbeatTimeout/6 {
			if err := heartbeat(); err != nil {
				return err
			}
			last = time.Now()
		}
		if full {
			continue
		}
		if err := in.ring.Wait(heartbeatTimeout / 6); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// read reads the pending events up to the limits, and returns whether a limit is reached.
func (in *intake) read() (full bool, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	err = in.fill(intakeEvents, intakeBytes)
	if len(in.events) > 0 {
		signal(in.come)
	}
	return len(in.events) >= intakeEvents || in.bytes >= intakeBytes, err
}

func (in *intake) fill(events, bytes int) error {
	for len(in.events) < events && in.bytes < bytes {
		e, err := in.ring.Read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		in.events = append(in.events, e)
		in.bytes += len(e.Packet)
	}
	return nil
}

// take returns all events that arrived before the call.
func (in *intake) take() ([]relaywire.Event, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	err := in.fill(len(in.events)+relaywire.MaxEvents, math.MaxInt)
	events := in.events
	in.events, in.bytes = nil, 0
	signal(in.room)
	return events, err
}

// signal wakes the receiver, now or when it next waits.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
