// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"slices"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/test/bench/figures"
)

// The address families, by their names in figures.
const (
	v4 = "v4"
	v6 = "v6"
)

var families = []string{v4, v6}

// bench is one run.
type bench struct {
	figures.Set
	sizes     []int
	scenarios *regexp.Regexp // those to measure of section instructions
	profile   bool           // print where they execute instructions
	random    *rand.Rand
	guest     bool // this is the bench in the VM
}

func newBench(sizes []int, rounds int) *bench {
	return &bench{
		Set:    figures.Set{Kernel: release(), CPUs: runtime.NumCPU(), Rounds: rounds},
		sizes:  sizes,
		random: rand.New(rand.NewPCG(1, 2)),
	}
}

// measure runs the named sections.
func (b *bench) measure(ctx context.Context, only []string) error {
	runtime.LockOSThread() // network namespaces belong to threads
	ns, err := netns.New()
	if err != nil {
		return fmt.Errorf("new network namespace (needs root): %w", err)
	}
	defer func() { _ = ns.Close() }()
	for _, s := range []struct {
		name    string
		measure func(context.Context) error
	}{
		{figures.Memory, b.memory},
		{figures.Verdict, b.verdicts},
		{figures.Program, b.programs},
		{figures.Drop, b.drops},
		{figures.Forward, b.forwards},
		{figures.Change, b.changes},
		{figures.ESP, b.esp},
		{figures.SAs, b.sas},
		{figures.Instructions, b.instructions},
		{figures.TCP, b.tcp},
		{figures.CPUs, b.cpus},
		{figures.Failover, b.failover},
		{figures.Steer, b.steer},
	} {
		if !slices.Contains(only, s.name) {
			continue
		}
		started := time.Now()
		if err := s.measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Fprintf(os.Stderr, "bench: %s took %s\n", s.name, time.Since(started).Round(time.Second))
	}
	return nil
}

// progress prints what is being measured.
func (b *bench) progress(c figures.Case) {
	fmt.Fprintf(os.Stderr, "bench: %s %s%s %d %s\n", c.Section, c.Scenario, c.Table, c.Eroutes, c.Traffic)
}

// missing records what cannot be measured here.
func (b *bench) missing(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(b.Missing, text) {
		b.Missing = append(b.Missing, text)
	}
}

func release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}
