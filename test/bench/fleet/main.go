// SPDX-License-Identifier: Apache-2.0

// Command fleet measures a fleet: an etcd cluster in a process of its own, and agents that are real but for their
// tables, which are simulated. It prints a table in Markdown, and fails if a gateway's table is not that of its revision
// or has changed without a rollout.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options are those of the command line.
type options struct {
	members, gateways, eroutes int
	idle                       time.Duration
	store                      bool   // run the store
	agent                      string // run one agent, with the settings of this file
}

func main() {
	var o options
	flag.IntVar(&o.members, "members", 3, "members of etcd")
	flag.IntVar(&o.gateways, "gateways", 1000, "simulated gateways")
	flag.IntVar(&o.eroutes, "eroutes", 1000, "eroutes of the table")
	flag.DurationVar(&o.idle, "idle", 30*time.Second, "time to measure the load without a rollout")
	flag.BoolVar(&o.store, "store", false, "run the store: used by this command")
	flag.StringVar(&o.agent, "agent", "", "run the agent of a file: used by this command")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, &o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *options) error {
	switch {
	case o.store:
		return runStore(ctx, o.members)
	case o.agent != "":
		return runAgent(ctx, o.agent)
	case o.gateways < 1 || o.members < 1 || o.eroutes < 1:
		return errors.New("-gateways, -members and -eroutes must be positive")
	}
	return measure(ctx, o)
}
