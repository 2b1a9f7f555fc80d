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

// How many events, and bytes of packets, wait in the relay's own memory while its loop is busy,
// before it no longer says that it lives: about as many as in the ring buffer.
const (
	intakeEvents = relaywire.MaxEvents
	intakeBytes  = 4 << 20
)

// ring is where events come from: a *maps.Relay.
type ring interface {
	Wait(time.Duration) error
	Read() (relaywire.Event, error)
}

// intake brings the kernel's events to the loop, in their order. The loop can also have all
// that there are at a moment.
type intake struct {
	ring ring
	come chan struct{} // there are events to take
	room chan struct{} // they were taken

	mu     sync.Mutex
	events []relaywire.Event // read from the ring, not yet taken
	bytes  int               // of their packets
}

func newIntake(r ring) *intake {
	return &intake{ring: r, come: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// run reads events until the context ends. It calls alive now and then as long as they are
// taken.
func (in *intake) run(ctx context.Context, alive func() error) error {
	var said time.Time
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
		if time.Since(said) >= aliveFor/6 {
			if err := alive(); err != nil {
				return err
			}
			said = time.Now()
		}
		if full {
			continue
		}
		if err := in.ring.Wait(aliveFor / 6); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// read reads the events there are, as far as there is room; returns whether there is none left.
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

// take returns all events that have come before it was called.
func (in *intake) take() ([]relaywire.Event, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	err := in.fill(len(in.events)+relaywire.MaxEvents, math.MaxInt)
	events := in.events
	in.events, in.bytes = nil, 0
	signal(in.room)
	return events, err
}

// signal wakes who waits, or will.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
