// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/ipsec-eroute/eroute/internal/vm"
	"github.com/ipsec-eroute/eroute/test/bench/figures"
)

// resultsLine begins the line on which a bench in the VM prints its figures.
const resultsLine = "bench-results "

// inVM runs sections in the test VM, whose kernel has ESP, with these options.
func (b *bench) inVM(ctx context.Context, guest vm.Guest, sections string, options ...string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	dir, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("find working directory: %w", err)
	}
	out := &guestOutput{into: &b.Set}
	guest.Command = append([]string{self, "-guest", "-only", sections, "-rounds", fmt.Sprint(b.Rounds)}, options...)
	guest.Dir, guest.Output, guest.Log, guest.Timeout = dir, out, os.Stderr, time.Hour
	code, err := guest.Run(ctx)
	switch {
	case err != nil:
		return err
	case out.err != nil:
		return out.err
	case code != 0:
		return fmt.Errorf("bench in the VM ended with %d", code)
	}
	return nil
}

// printForHost prints the figures for the bench on the host.
func (b *bench) printForHost() error {
	text, err := json.Marshal(b.Set)
	if err != nil {
		return fmt.Errorf("encode figures: %w", err)
	}
	fmt.Printf("%s%s\n", resultsLine, text)
	return nil
}

// guestOutput extracts the figures from the output of a bench in the VM; the rest is progress.
type guestOutput struct {
	into *figures.Set
	line []byte
	err  error
}

func (o *guestOutput) Write(p []byte) (int, error) {
	o.line = append(o.line, p...)
	for {
		line, rest, whole := bytes.Cut(o.line, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		o.take(string(line))
		o.line = rest
	}
}

func (o *guestOutput) take(line string) {
	text, found := strings.CutPrefix(line, resultsLine)
	if !found {
		fmt.Fprintln(os.Stderr, line)
		return
	}
	var set figures.Set
	if err := json.Unmarshal([]byte(strings.TrimSpace(text)), &set); err != nil {
		o.err = fmt.Errorf("read figures from the VM: %w", err)
		return
	}
	o.into.VM = set.Kernel
	o.into.Figures = append(o.into.Figures, set.Figures...)
	o.into.Missing = append(o.into.Missing, set.Missing...)
}

// loadModules loads modules of the VM's kernel.
func loadModules(ctx context.Context, names ...string) error {
	for _, name := range names {
		if out, err := exec.CommandContext(ctx, "modprobe", name).CombinedOutput(); err != nil {
			return fmt.Errorf("load %s: %w: %s", name, err, out)
		}
	}
	return nil
}
