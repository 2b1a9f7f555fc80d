// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os/signal"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/internal/render"
	"github.com/ipsec-eroute/eroute/pkg/monitor"
)

// Options of "ipsec monitor", in the order of the help text.
const (
	monJSON cli.ID = iota
	monLabel
	monDebug
	monHelp
	monVersion
)

var monitorOptions = cli.Options{
	monJSON:    {Name: "json", Group: cli.OtherGroup, Help: "print each event as a line of JSON"},
	monLabel:   cli.LabelOption,
	monDebug:   cli.DebugOption,
	monHelp:    cli.HelpOption,
	monVersion: cli.VersionOption,
}

const monitorLong = `Prints the events of this network namespace, one per line, until interrupted: changes of
the eroute table (add, replace, del, clear, restore) and the packets that such a change
newly sends in clear (opens); actions of the relay (acquire, hold, release, reap, lost);
and changes of SAs (sa-add, sa-update, sa-del, sa-expiring, sa-expired, sa-flush,
sa-migrate). Events of the relay require a running ipsec acquire. Any number of monitors
can run without slowing down what they monitor: events that arrive too fast are dropped
and counted (missed).`

const monitorExample = `  Watch the requests to key managers:
    ipsec monitor | grep ' acquire '

  Find the changes that send packets in clear:
    ipsec monitor | grep -B 9 ' opens '`

func newMonitor(c *command) *cobra.Command {
	cmd := c.cobra("monitor", "print events as they happen", monitorOptions, runMonitor)
	cmd.Long = monitorLong
	cmd.Annotations = map[string]string{cli.UsageLines: "  ipsec monitor [--json]"}
	cmd.Example = monitorExample
	return cmd
}

func runMonitor(c *command, cmd *cobra.Command, args []string) error {
	if done, err := c.parse(cmd, monitorOptions, args, monHelp, monVersion); done || err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	out := eventWriter{c: c, json: c.opts.Has(monJSON)}
	opens := &monitor.Opens{Read: c.readRunning, PassesUnmatched: c.passesUnmatched, Report: out.opened}
	c.note("monitoring")
	err := c.env.monitor(ctx, func(e monitor.Event) error {
		if e.IsBegin() {
			return opens.Begin()
		}
		if err := out.event(&e); err != nil {
			return err
		}
		return opens.Add(&e)
	})
	return errors.Join(err, opens.End())
}

// eventWriter prints events as they arrive, from several goroutines.
type eventWriter struct {
	c    *command
	json bool
	mu   sync.Mutex
}

func (w *eventWriter) event(e *monitor.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	write := render.Event
	if w.json {
		write = render.EventJSON
	}
	if err := write(w.c.out, e); err != nil {
		return err
	}
	return w.c.out.Flush()
}

func (w *eventWriter) opened(o monitor.Opened) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	write := render.Opened
	if w.json {
		write = render.OpenedJSON
	}
	if err := write(w.c.out, o); err != nil {
		return err
	}
	return w.c.out.Flush()
}

// monitorFunc is [monitor.Run].
type monitorFunc func(context.Context, func(monitor.Event) error) error
