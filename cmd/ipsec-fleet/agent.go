// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sync/errgroup"

	"github.com/ipsec-eroute/eroute/pkg/fleet"
	"github.com/ipsec-eroute/eroute/pkg/fleet/agent"
	"github.com/ipsec-eroute/eroute/pkg/fleet/store"
)

func runAgent(c *command, ctx context.Context) error {
	cfg, err := c.readConfig()
	if err != nil {
		return err
	}
	a, err := c.newAgent(ctx, cfg)
	if err != nil {
		return err
	}
	if cfg.Gateway.Metrics == "" {
		return a.Run(ctx)
	}
	l, err := net.Listen("tcp", cfg.Gateway.Metrics)
	if err != nil { // no reason to leave the table empty
		a.Log.Error("no metrics", "error", err)
		return a.Run(ctx)
	}
	a.Log.Info("metrics", "address", l.Addr())
	group, ctx := errgroup.WithContext(ctx)
	ctx, stop := context.WithCancel(ctx)
	group.Go(func() error { return a.ServeMetrics(ctx, l) })
	group.Go(func() error {
		defer stop()
		return a.Run(ctx)
	})
	return group.Wait()
}

// newAgent returns the agent of the settings.
func (c *command) newAgent(ctx context.Context, cfg *config) (*agent.Agent, error) {
	g := &cfg.Gateway
	if err := errors.Join(fleet.CheckName("gateway: name", g.Name), fleet.CheckName("gateway: ring", g.Ring)); err != nil {
		return nil, err
	}
	if _, err := cfg.pinned(); err != nil {
		return nil, err
	}
	ipsec, err := g.ipsec()
	if err != nil {
		return nil, fmt.Errorf("gateway: ipsec: %w", err)
	}
	if err := os.MkdirAll(g.State, 0o700); err != nil {
		return nil, fmt.Errorf("gateway: state: %w", err)
	}
	log := slog.New(slog.NewTextHandler(c.stderr, nil))
	return agent.New(agent.Config{
		Gateway: fleet.Gateway{ID: g.Name, Ring: g.Ring}, Keys: cfg.pinned, Values: c.values, Dir: g.State, Version: c.version,
		Open: func() (*store.Store, error) { return store.Open(cfg.store()) }, Table: agent.Command{Path: ipsec},
		Health:   agent.Health{Within: time.Duration(g.Confirm) * time.Second, Command: g.HealthCommand, MaxDrops: g.MaxDrops},
		NewClear: g.NewClear, Log: log, Ready: func() { notifyReady(log) },
	}), nil
}

// notifyReady notifies systemd, if it started this process (sd_notify(3)): the network can start.
func notifyReady(log *slog.Logger) {
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		log.Warn("notify systemd", "error", err)
	}
}

// ipsec returns the path of the ipsec command.
func (g *configGateway) ipsec() (string, error) {
	if g.Ipsec == "" {
		return findIpsec()
	}
	return exec.LookPath(g.Ipsec)
}
