// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/internal/render"
	"github.com/ipsec-eroute/eroute/internal/screen"
	"github.com/ipsec-eroute/eroute/pkg/top"
)

// Refresh intervals of --watch.
const (
	defaultInterval = 2 * time.Second
	minInterval     = 100 * time.Millisecond
	maxInterval     = 24 * time.Hour
)

// watchPlainRows is the maximum number of eroutes that --watch shows without a terminal.
const watchPlainRows = 20

// runWatch implements --watch: it shows the busiest eroutes until it is interrupted.
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
	case c.opts.Has(erouteargs.OptJSON):
		return w.lines("", render.SampleJSON)
	case screen.IsTerminal(c.env.stdout):
		terminal := screen.Terminal{In: c.env.stdin, Out: c.env.stdout, Environ: c.env.environ}
		return terminal.Run(ctx, interval, func() (top.Sample, error) { return w.look(screen.MaxRows) })
	}
	return w.lines(render.SampleTitle(), render.Sample)
}

// interval parses --interval.
func (c *command) interval() (time.Duration, error) {
	f := c.opts.Field(erouteargs.OptInterval)
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

// watch is one execution of --watch.
type watch struct {
	*command
	interval time.Duration
	watcher  top.Sampler
}

// look opens the table only while it reads it: meanwhile commands that change it wait.
func (w *watch) look(n int) (look top.Sample, err error) {
	t, err := orEmptyTable(w.env.openRead())
	if err != nil {
		return look, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return w.watcher.Sample(t, w.env.now(), n)
}

// lines writes a title, and a sample after each interval, where there is no terminal.
func (w *watch) lines(title string, write func(io.Writer, *top.Sample) error) error {
	for first := true; ; first = false {
		look, err := w.look(watchPlainRows)
		switch {
		case err != nil:
		case first:
			_, err = w.out.WriteString(title)
		default:
			err = write(w.out, &look)
		}
		if err = errors.Join(err, w.out.Flush()); err != nil {
			return err
		}
		if !sleep(w.ctx, w.interval) {
			return nil
		}
	}
}

// sleep returns false if the context ends before the duration has passed.
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
