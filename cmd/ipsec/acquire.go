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

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/internal/render"
	"github.com/ipsec-eroute/eroute/pkg/acquire"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/journal"
	"github.com/ipsec-eroute/eroute/pkg/monitor"
	"github.com/ipsec-eroute/eroute/pkg/relaywire"
)

// Options of "ipsec acquire", in the order of the help text.
const (
	acqExec cli.ID = iota
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

const acquireOptionGroup = "Relay options"

var acquireOptions = cli.Options{
	acqExec:       {Name: "exec", Arg: "CMD", Group: acquireOptionGroup, Help: "also run CMD for each ACQUIRE, with the flow in its environment"},
	acqLifetime:   {Name: "hold-lifetime", Arg: "SECONDS", Group: acquireOptionGroup, Help: "delete a hold after SECONDS without traffic and without an SA; default: 30"},
	acqRate:       {Name: "rate", Arg: "N", Group: acquireOptionGroup, Help: "maximum ACQUIREs per second of each trap; default: 1000"},
	acqMaxPackets: {Name: "max-packets", Arg: "N", Group: acquireOptionGroup, Help: "maximum number of held packets; default: 65536"},
	acqMaxBytes:   {Name: "max-bytes", Arg: "N", Group: acquireOptionGroup, Help: "maximum size of all held packets in bytes; default: 67108864"},
	acqMetrics:    {Name: "metrics", Arg: "ADDR", Group: acquireOptionGroup, Help: "serve Prometheus metrics at http://ADDR/metrics"},

	acqJSON:    {Name: "json", Group: cli.OtherGroup, Help: "print each event as a line of JSON"},
	acqLabel:   cli.LabelOption,
	acqDebug:   cli.DebugOption,
	acqHelp:    cli.HelpOption,
	acqVersion: cli.VersionOption,
}

const acquireLong = `Runs the relay in the foreground: it sends XFRM ACQUIREs to the key managers of this
network namespace for packets that match %trap and %trapsubnet eroutes. Until a key
manager has installed an SA, the flow of such a packet has a %hold eroute, and the relay
keeps its first and its latest packet. Then the relay replaces the hold by an eroute to
the SA, and sends the kept packets. While it is not running, packets that match traps are
dropped. It also updates the table, as ipsec eroute --sync does, when SAs, policies or
interfaces change. It logs to standard error and notifies systemd when ready.`

const acquireUsage = `  ipsec acquire [--exec CMD] [--hold-lifetime SECONDS] [--rate N]
                [--max-packets N] [--max-bytes N] [--metrics ADDR] [--json]`

const acquireExample = `  Use a key manager that does not listen for ACQUIREs:
    ipsec acquire --exec 'swanctl --initiate --child site'

  Serve metrics of the table and the relay to Prometheus:
    ipsec acquire --metrics 127.0.0.1:9790

  Environment of --exec: EROUTE_SRC, EROUTE_DST, EROUTE_PROTO, EROUTE_SRC_PORT,
  EROUTE_DST_PORT (flow), EROUTE_TRAP_SRC, EROUTE_TRAP_DST, EROUTE_PEER, EROUTE_REQID
  (trap), EROUTE_CPU (empty: any), EROUTE_DEVICE (ipsec device).`

func newAcquire(c *command) *cobra.Command {
	cmd := c.cobra("acquire", "request SAs from key managers for %trap eroutes", acquireOptions, runAcquire)
	cmd.Long = acquireLong
	cmd.Annotations = map[string]string{cli.UsageLines: acquireUsage}
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
	if c.opts.Has(acqMetrics) {
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
		Rate:         relaywire.DefaultRate,
		Exec:         p.Value(acqExec),
		Confine:      true,
		Log:          c.logger(),
	}
	if p.Has(acqJSON) {
		config.Events = func(e journal.Event) error {
			return render.EventJSON(c.env.stdout, &monitor.Event{Time: e.Time, Notice: &e})
		}
	}
	if p.Has(acqExec) && config.Exec == "" {
		return config, fmt.Errorf("%s: no command", p.Quote(acqExec))
	}
	for id, set := range map[cli.ID]func(n int){
		acqLifetime:   func(n int) { config.HoldLifetime = time.Duration(n) * time.Second },
		acqRate:       func(n int) { config.Rate = uint32(n) },
		acqMaxPackets: func(n int) { config.MaxPackets = n },
		acqMaxBytes:   func(n int) { config.MaxBytes = n },
	} {
		f := p.Field(id)
		if !f.Given() {
			continue
		}
		n, err := eroute.ParseNumber(f.Text, 31)
		if err == nil && n == 0 {
			err = &eroute.ValueError{Value: f.Text, Err: errors.New("must be at least 1")}
		}
		if err == nil && id == acqLifetime && n > math.MaxInt32/1000 {
			err = &eroute.ValueError{Value: f.Text, Err: fmt.Errorf("must be at most %d", math.MaxInt32/1000)}
		}
		if err != nil {
			return config, f.Refuse(err)
		}
		set(int(n))
	}
	return config, nil
}

// logger returns a logger to standard error; every line has the label.
func (c *command) logger() *slog.Logger {
	options := &slog.HandlerOptions{}
	if c.opts.Has(acqDebug) {
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
