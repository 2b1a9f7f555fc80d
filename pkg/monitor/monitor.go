// SPDX-License-Identifier: Apache-2.0

// Package monitor brings together what happens in a network namespace: changes that
// commands make to the eroute table, what the relay does, and changes of SAs.
package monitor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/journal"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Event is one thing that happened: a notice, a change of an SA, or that events were
// missed. One that is none of them says that monitoring has begun.
type Event struct {
	Time   time.Time
	Notice *journal.Event
	SA     *xfrm.Change
	Missed *Missed
}

// IsBegin reports whether the event says that monitoring has begun.
func (e *Event) IsBegin() bool { return e.Notice == nil && e.SA == nil && e.Missed == nil }

// Missed tells that there were events that are not shown.
type Missed struct {
	Count uint64 // 0: not known
	Why   string
}

// Why events were missed.
const (
	TooSlow  = "journal overflow"
	XFRMLost = "XFRM socket overflow"
	NewTable = "the table was recreated"
)

// saWait is how long it takes at the most to notice that the context has ended.
const saWait = 200 * time.Millisecond

// Run calls tell with each event until the context ends, one at a time, the first when it
// has begun: all that happens from then on is told. It does not hold
// up what it monitors: what a slow tell is too late for is told as missed. Needs the
// network namespace of the calling thread at its beginning only.
func Run(ctx context.Context, tell func(Event) error) (err error) {
	table, err := maps.OpenJournal()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, table.Close()) }()
	sas, err := xfrm.Listen()
	if errors.Is(err, unix.EPROTONOSUPPORT) { // no SAs, then
		sas, err = nil, nil
	}
	if err != nil {
		return err
	}
	if sas != nil {
		defer func() { err = errors.Join(err, sas.Close()) }()
	}
	events := make(chan Event)
	group, ctx := errgroup.WithContext(ctx)
	put := func(e Event) error {
		select {
		case events <- e:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := tell(Event{Time: time.Now()}); err != nil {
		return err
	}
	group.Go(func() error { return readTable(ctx, table, put) })
	if sas != nil {
		group.Go(func() error { return readSAs(ctx, sas, put) })
	}
	group.Go(func() error {
		for {
			select {
			case e := <-events:
				if err := tell(e); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	if err := group.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func readTable(ctx context.Context, table *journal.Reader, put func(Event) error) error {
	for {
		notices, lost, err := table.Read(ctx)
		if lost > 0 {
			if err := put(Event{Time: time.Now(), Missed: &Missed{lost, TooSlow}}); err != nil {
				return err
			}
		}
		if errors.Is(err, journal.ErrNewTable) {
			err = put(Event{Time: time.Now(), Missed: &Missed{Why: NewTable}})
		}
		if err != nil {
			return err
		}
		for i := range notices {
			if err := put(Event{Time: notices[i].Time, Notice: &notices[i]}); err != nil {
				return err
			}
		}
	}
}

func readSAs(ctx context.Context, sas *xfrm.Listener, put func(Event) error) error {
	for ctx.Err() == nil {
		changes, err := sas.Read(saWait)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			continue
		case errors.Is(err, xfrm.ErrMissed):
			err = put(Event{Time: time.Now(), Missed: &Missed{Why: XFRMLost}})
		case err != nil:
			return fmt.Errorf("monitor SAs: %w", err)
		}
		for i := 0; i < len(changes) && err == nil; i++ {
			err = put(Event{Time: time.Now(), SA: &changes[i]})
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}
