// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/pkg/acquire"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/metrics"
)

// relayWithMetrics runs the relay together with a server for --metrics. The server answers once the relay has dropped
// its privileges: a table that is opened before cannot be read to its end.
func (c *command) relayWithMetrics(ctx context.Context, config acquire.Config) error {
	listener, err := c.listen(acqMetrics)
	if err != nil {
		return err
	}
	config.Counters = &acquire.Counters{}
	source := c.metricsSource()
	source.Relay = config.Counters
	config.Log.Info("metrics", "address", listener.Addr())

	group, ctx := errgroup.WithContext(ctx)
	ctx, stop := context.WithCancel(ctx)
	confined := make(chan struct{})
	config.Confined = func() { close(confined) }
	group.Go(func() error {
		select {
		case <-confined:
			return metrics.Serve(ctx, listener, source, config.Log)
		case <-ctx.Done():
			return listener.Close()
		}
	})
	group.Go(func() error {
		defer stop()
		return c.env.relay(ctx, config)
	})
	return group.Wait()
}

// listen listens on the TCP address and port that an option names.
func (c *command) listen(option cli.ID) (net.Listener, error) {
	f := c.opts.Field(option)
	refuse := func(err error) error { return f.Refuse(&eroute.ValueError{Value: f.Text, Err: err}) }
	if _, _, err := net.SplitHostPort(f.Text); err != nil {
		return nil, refuse(errors.New("must be ADDRESS:PORT, such as 127.0.0.1:9790 or [::1]:9790"))
	}
	l, err := net.Listen("tcp", f.Text)
	if err != nil {
		return nil, refuse(reason(err))
	}
	return l, nil
}

// reason returns the cause of a network error without the operation, which the message names already.
func reason(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}
