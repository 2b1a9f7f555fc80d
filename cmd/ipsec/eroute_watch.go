// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/busy"
)

// How often --watch looks.
const (
	defaultInterval = 2 * time.Second
	minInterval     = 100 * time.Millisecond
	maxInterval     = 24 * time.Hour
)

// How many eroutes --watch shows at the most: on a terminal, and otherwise.
const (
	watchRows      = 200
	watchPlainRows = 20
)

// runWatch is --watch: what meets eroutes as it happens, the busiest first, until it is
// told to stop.
func runWatch(c *command) error {
	interval, err := c.interval()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	c.ctx = ctx
	w := &watch{command: c, interval: interval}
	switch {
	case c.opts.Has(optJSON):
		return w.lines("", w.writeJSON)
	case isTerminal(c.env.stdout):
		return w.screen()
	}
	title := fmt.Sprintf(plainWatch, "time", "packets/s", "bytes/s", "packets", "bytes", "eroute")
	return w.lines(title, w.writePlain)
}

// interval parses --interval.
func (c *command) interval() (time.Duration, error) {
	f := c.opts.Field(optInterval)
	if !f.Given() {
		return defaultInterval, nil
	}
	seconds, err := strconv.ParseFloat(f.Text, 64)
	d := time.Duration(seconds * float64(time.Second))
	if err != nil || !(seconds >= minInterval.Seconds() && seconds <= maxInterval.Seconds()) {
		return 0, fmt.Errorf("%v: must be a number of seconds from %g to %g", f, minInterval.Seconds(), maxInterval.Seconds())
	}
	return d, nil
}

// watch is one run of --watch.
type watch struct {
	*command
	interval time.Duration
	watcher  busy.Watcher
}

// look opens the table for as long as it takes to read: commands that change it wait.
func (w *watch) look(n int) (look busy.Look, err error) {
	t, err := orNoTable(w.env.openRead())
	if err != nil {
		return look, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return w.watcher.Look(t, w.env.now(), n)
}

// lines writes a title, and what it sees after each interval, where there is no terminal.
func (w *watch) lines(title string, write func(*busy.Look) error) error {
	for first := true; ; first = false {
		look, err := w.look(watchPlainRows)
		switch {
		case err != nil:
		case first:
			_, err = w.out.WriteString(title)
		default:
			err = write(&look)
		}
		if err = errors.Join(err, w.out.Flush()); err != nil {
			return err
		}
		if !sleep(w.ctx, w.interval) {
			return nil
		}
	}
}

// sleep returns false if the context ends before the time is over.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// plainWatch is a line where there is no terminal: time, packets and bytes a second,
// packets, bytes, and what of.
const plainWatch = "%-20s %11s %11s %12s %14s %s\n"

// writePlain writes a line for all eroutes together, and one for each that was met, the
// busiest first.
func (w *watch) writePlain(look *busy.Look) error {
	line := func(r *busy.Row, of string) error {
		_, err := fmt.Fprintf(w.out, plainWatch, look.Time.UTC().Format(time.RFC3339),
			fmt.Sprintf("%.1f", r.PacketRate), fmt.Sprintf("%.1f", r.ByteRate), fmt.Sprint(r.Packets), fmt.Sprint(r.Bytes), of)
		return err
	}
	all := busy.Row{PacketRate: look.PacketRate, ByteRate: look.ByteRate}
	all.Packets, all.Bytes = look.Packets, look.Bytes
	if err := line(&all, fmt.Sprintf("all %d eroutes", look.Count)); err != nil {
		return err
	}
	for _, r := range look.By(busy.ByPacketRate) {
		if r.PacketRate == 0 {
			break
		}
		if err := line(&r, r.Rule()); err != nil {
			return err
		}
	}
	return nil
}
