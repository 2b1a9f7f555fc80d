// SPDX-License-Identifier: Apache-2.0

// Command drill makes a fleet in network namespaces, with real tables and three members of etcd as processes of their own,
// and lets it fail: members, links, disks, gateways. It prints a table in Markdown, and fails if a gateway's table
// changes without cause, if a rollout has another result than expected, or if a packet leaves in clear.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/ipsec-eroute/eroute/internal/sandbox"
)

// options are those of the command line.
type options struct {
	gateways, eroutes int
	bin               string // directory with ipsec and ipsec-fleet
	member            int    // run this member of etcd
}

func main() {
	var o options
	flag.IntVar(&o.gateways, "gateways", 20, "gateways, at least 3")
	flag.IntVar(&o.eroutes, "eroutes", 1000, "eroutes of each table, at least 100")
	flag.StringVar(&o.bin, "bin", "bin", "directory with ipsec and ipsec-fleet")
	flag.IntVar(&o.member, "member", 0, "run a member of etcd: used by this command")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, &o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "drill:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *options) (err error) {
	if o.gateways < 3 || o.gateways > 200 || o.eroutes < 100 {
		return errors.New("-gateways must be 3 to 200, and -eroutes at least 100")
	}
	switch {
	case o.member > 0:
		return runMember(o.member)
	case sandbox.Inside():
		return drill(ctx, o)
	}
	if o.bin, err = filepath.Abs(o.bin); err != nil {
		return err
	}
	for _, name := range []string{"ipsec", "ipsec-fleet"} {
		if _, err := os.Stat(filepath.Join(o.bin, name)); err != nil {
			return fmt.Errorf("-bin: %w", err)
		}
	}
	args := []string{fmt.Sprint("-gateways=", o.gateways), fmt.Sprint("-eroutes=", o.eroutes), "-bin=" + o.bin}
	return sandbox.Run(ctx, args, nil, func(cmd *exec.Cmd) { cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr })
}
