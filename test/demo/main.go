// SPDX-License-Identifier: Apache-2.0

// Command demo shows the product on real packets: a gateway between two hosts, one eroute of each kind, and
// the resulting traffic. If the kernel has no ESP it runs itself in a VM. It exits with 0 only if every claim
// was observed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ipsec-eroute/eroute/internal/vm"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := demo(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demo(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root: it makes network namespaces and loads kernel programs")
	}
	has, err := xfrm.ESPAvailable()
	if err != nil {
		return err
	}
	if has || os.Getenv("DEMO_IN_VM") != "" {
		return run(ctx)
	}
	fmt.Println("This kernel has no ESP, so the demo runs in a VM.")
	return inVM(ctx)
}

// inVM builds the demo as a static binary and runs it in the VM.
func inVM(ctx context.Context) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	binary := filepath.Join(dir, "bin", "demo")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./test/demo")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the demo for the VM: %w", err)
	}
	code, err := vm.Guest{
		Command: []string{binary}, Dir: dir, Env: []string{"DEMO_IN_VM=1"},
		Output: os.Stdout, Log: os.Stderr, Timeout: 5 * time.Minute,
	}.Run(ctx)
	if err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("the demo in the VM ended with %d", code)
	}
	return nil
}
