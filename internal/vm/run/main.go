// SPDX-License-Identifier: Apache-2.0

// Command run boots the test VM. With arguments after --, it runs them as a command in it; else it runs
// the tests with the constraint vm of the packages selected by -pkg. Its exit code is that of the command, or
// 1 if a test failed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/ipsec-eroute/eroute/internal/vm"
)

func main() {
	pkg := flag.String("pkg", "./...", "the packages, as patterns of the go command")
	run := flag.String("run", "", "run only the tests that match this `regexp`")
	kernel := flag.String("kernel", "", "series of the kernel, such as 7.3; the default is 6.12")
	timeout := flag.Duration("timeout", 20*time.Minute, "of the command, or without a test that begins or ends, once the VM is up")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	var code int
	var err error
	if flag.NArg() > 0 {
		code, err = command(ctx, flag.Args(), *kernel, *timeout)
	} else {
		err = tests(ctx, strings.Fields(*pkg), *run, *kernel, *timeout)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "vm: %v\n", err)
		code = 1
	}
	os.Exit(code)
}

func command(ctx context.Context, args []string, kernel string, timeout time.Duration) (int, error) {
	dir, err := os.Getwd()
	if err != nil {
		return 0, fmt.Errorf("find working directory: %w", err)
	}
	return vm.Guest{Command: args, Dir: dir, Output: os.Stdout, Log: os.Stderr, Kernel: kernel, Timeout: timeout}.Run(ctx)
}

func tests(ctx context.Context, patterns []string, run, kernel string, timeout time.Duration) error {
	packages, err := vm.FindPackages(ctx, patterns...)
	if err != nil {
		return err
	}
	if len(packages) == 0 {
		return errors.New("no package has tests that need the VM")
	}
	return vm.Suite{Packages: packages, Run: run, Output: os.Stdout, Log: os.Stderr, Kernel: kernel, Timeout: timeout}.Test(ctx)
}
