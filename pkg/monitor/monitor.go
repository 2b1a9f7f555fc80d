// SPDX-License-Identifier: Apache-2.0

// Package monitor merges the events of a network namespace: changes that commands make to the eroute table,
// actions of the relay, and changes of SAs.
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

// Event is a notice, a change of an SA, or a report of missed events. An event with none of them reports that
// monitoring has begun.
type Event struct {
	Time   time.Time
	Notice *journal.Event
	SA     *xfrm.Change
	Missed *Missed
}

// IsBegin reports whether the event marks the beginning of monitoring.
func (e *Event) IsBegin() bool { return e.Notice == nil && e.SA == nil && e.Missed == nil }

// Missed reports that events were lost.
type Missed struct {
	Count uint64 // 0: unknown
	Why   string
}

// The reasons for missed events.
const (
	TooSlow  = "journal overflow"
	XFRMLost = "XFRM socket overflow"
	NewTable = "the table was recreated"
)

// saWait is the maximum time to notice that the context has ended.
const saWait = 200 * time.Millisecond

// Run calls publish with one event at a time until the context ends. The first event marks the beginning; every
// event after it is reported. Run does not delay the commands and SAs that it monitors: if publish is too slow,
// events are reported as missed. Run needs the network namespace of the calling thread only when it starts.
func Run(ctx context.Context, publish func(Event) error) (err error) {
	table, err := maps.OpenJournal()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, table.Close()) }()
	sas, err := xfrm.Listen()
	if errors.Is(err, unix.EPROTONOSUPPORT) { // the kernel has no XFRM: report no SAs
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
	if err := publish(Event{Time: time.Now()}); err != nil {
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
				if err := publish(e); err != nil {
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
