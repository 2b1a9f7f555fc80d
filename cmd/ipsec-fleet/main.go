// SPDX-License-Identifier: Apache-2.0

//go:build !docs

// Command ipsec-fleet publishes eroute tables to many gateways through etcd, and is their agent.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, systemEnv(), os.Args[1:])
	stop()
	os.Exit(status)
}
