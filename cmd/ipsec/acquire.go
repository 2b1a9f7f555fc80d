// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipsec-eroute/eroute/pkg/acquire"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// Options of "ipsec acquire", in the order of the help text.
const (
	acqExec optionID = iota
	acqLifetime
	acqRate
	acqMaxPackets
	acqMaxBytes
	acqMetrics

	acqJSON
	acqLabel
	acqDebug
	acqHelp
	acqVersion
)

const acquireOptionGroup = "How it relays"

var acquireOptions = optionSet{
	acqExec:       {name: "exec", arg: "CMD", group: acquireOptionGroup, help: "also run CMD for each ACQUIRE, the flow in its environment"},
	acqLifetime:   {name: "hold-lifetime", arg: "SECONDS", group: acquireOptionGroup, help: "end a hold after this time without traffic and answer; default: 30"},
	acqRate:       {name: "rate", arg: "N", group: acquireOptionGroup, help: "let each trap make N ACQUIREs a second; default: 1000"},
	acqMaxPackets: {name: "max-packets", arg: "N", group: acquireOptionGroup, help: "keep N packets at the most, in all; default: 65536"},
	acqMaxBytes:   {name: "max-bytes", arg: "N", group: acquireOptionGroup, help: "keep N bytes of packets at the most, in all; default: 67108864"},
	acqMetrics:    {name: "metrics", arg: "ADDR", group: acquireOptionGroup, help: "serve Prometheus metrics on this address and port, under /metrics"},

	acqJSON:    {name: "json", group: otherGroup, help: "print an object a line for each event"},
	acqLabel:   {name: "label", arg: "TEXT", group: otherGroup, help: "begin messages with TEXT"},
	acqDebug:   {name: "debug", group: otherGroup, help: "log more"},
	acqHelp:    {name: "help", group: otherGroup, help: "print this text"},
	acqVersion: {name: "version", group: otherGroup, help: "print the version"},
}

const acquireLong = `Relays what meets %trap and %trapsubnet to the key managers of this network namespace,
as XFRM ACQUIREs, until it is stopped. It keeps the first and the newest packet of each
%hold, turns the hold into an eroute to the SA that a key manager installs, and sends
the packets on. Without it traps drop. It logs to standard error; systemd is told
when it is ready.`

const acquireUsage = `  ipsec acquire [--exec CMD] [--hold-lifetime SECONDS] [--rate N]
                [--max-packets N] [--max-bytes N] [--metrics ADDR] [--json]`

const acquireExample = `  Ask a key manager that does not listen to XFRM:
    ipsec acquire --exec 'swanctl --initiate --child site'

  Let Prometheus scrape the table and the relay:
    ipsec acquire --metrics 127.0.0.1:9790

  What --exec finds in its environment: EROUTE_SRC, EROUTE_DST, EROUTE_PROTO,
  EROUTE_SRC_PORT, EROUTE_DST_PORT (of the flow), EROUTE_TRAP_SRC, EROUTE_TRAP_DST,
  EROUTE_PEER, EROUTE_REQID (of the trap), EROUTE_DEVICE.`

func newAcquire(c *command) *cobra.Command {
	cmd := c.cobra("acquire", "relay traps to key managers", acquireOptions, runAcquire)
	cmd.Long = acquireLong
	cmd.Annotations = map[string]string{usageLines: acquireUsage}
	cmd.Example = acquireExample
	cmd.ValidArgsFunction = c.complete(acquireCompleter)
	return cmd
}

func runAcquire(c *command, cmd *cobra.Command, args []string) error {
	if done, err := c.parse(cmd, acquireOptions, args, acqHelp, acqVersion); done || err != nil {
		return err
	}
	config, err := c.acquireConfig()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if c.opts.has(acqMetrics) {
		return c.relayWithMetrics(ctx, config)
	}
	return c.env.relay(ctx, config)
}

func (c *command) acquireConfig() (acquire.Config, error) {
	p := &c.opts
	config := acquire.Config{
		HoldLifetime: acquire.DefaultHoldLifetime,
		MaxPackets:   acquire.DefaultMaxPackets,
		MaxBytes:     acquire.DefaultMaxBytes,
		Rate:         maps.DefaultRate,
		Exec:         p.value(acqExec),
		Confine:      true,
		Log:          c.logger(),
	}
	if p.has(acqJSON) {
		config.Events = c.env.stdout
	}
	if p.has(acqExec) && config.Exec == "" {
		return config, fmt.Errorf("%s: no command", p.quote(acqExec))
	}
	for id, set := range map[optionID]func(n int){
		acqLifetime:   func(n int) { config.HoldLifetime = time.Duration(n) * time.Second },
		acqRate:       func(n int) { config.Rate = uint32(n) },
		acqMaxPackets: func(n int) { config.MaxPackets = n },
		acqMaxBytes:   func(n int) { config.MaxBytes = n },
	} {
		f := p.field(id)
		if !f.given() {
			continue
		}
		n, err := eroute.ParseNumber(f.text, 31)
		if err == nil && n == 0 {
			err = &eroute.ValueError{Value: f.text, Err: errors.New("must be at least 1")}
		}
		if err == nil && id == acqLifetime && n > math.MaxInt32/1000 {
			err = &eroute.ValueError{Value: f.text, Err: fmt.Errorf("must be at most %d", math.MaxInt32/1000)}
		}
		if err != nil {
			return config, f.refuse(err)
		}
		set(int(n))
	}
	return config, nil
}

// logger logs to standard error; every line carries the label.
func (c *command) logger() *slog.Logger {
	options := &slog.HandlerOptions{}
	if c.opts.has(acqDebug) {
		options.Level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(c.env.stderr, options))
	if label := c.label(); label != "" {
		log = log.With("label", label)
	}
	return log
}

// relayFunc is [acquire.Run].
type relayFunc func(context.Context, acquire.Config) error
