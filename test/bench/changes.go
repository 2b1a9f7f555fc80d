// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// changeCost is what changes of a table cost, in ms from the start of a process to its end.
type changeCost struct {
	Eroutes int     `json:"eroutes"`
	Batch   float64 `json:"batch_ms"`    // --batch of all
	IPBatch float64 `json:"ip_batch_ms"` // ip -batch of as many policies
	Add     float64 `json:"add_ms"`      // one --add to all
	AddAt1  float64 `json:"add_at_1_ms"` // one --add to a table of one
	Clear   float64 `json:"clear_ms"`
}

func (c changeCost) print(w io.Writer) {
	_, _ = fmt.Fprintf(w, "%d\t%.0f\t%.0f\t%.1f\t%.1f\t%.1f\t%.2f\t%.0f\t\n", c.Eroutes, c.Batch, c.IPBatch, c.IPBatch/c.Batch,
		c.Add, c.AddAt1, c.Add/c.AddAt1, c.Clear)
}

// ipLimit is how many policies ip(8) is asked to load: more take it minutes.
const ipLimit = 100000

func measureChanges(ctx context.Context, n, rounds int) (cost changeCost, err error) {
	dir, err := os.MkdirTemp("", "eroute-bench-")
	if err != nil {
		return cost, fmt.Errorf("make directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ours, theirs := filepath.Join(dir, "eroutes"), filepath.Join(dir, "policies")
	if err := errors.Join(
		writeLines(ours, n, "--add --src 10.0.%d.0/24 --dst %d.%d.%d.%d/32 --said %%drop\n"),
		writeLines(theirs, min(n, ipLimit), "xfrm policy add src 10.0.%d.0/24 dst %d.%d.%d.%d/32 dir fwd action block\n"),
	); err != nil {
		return cost, err
	}
	ipsec := func(args ...string) (float64, error) {
		return timed(ctx, "bin/ipsec", append([]string{"eroute"}, args...)...)
	}
	one := []string{"--src", "10.9.9.0/24", "--dst", "10.8.8.0/24"}
	steps := map[string][]float64{}
	step := func(name string, ms float64, failed error) {
		steps[name] = append(steps[name], ms)
		err = errors.Join(err, failed)
	}
	if _, err := ipsec("--limit", fmt.Sprint(max(n+1, 1000000))); err != nil {
		return cost, err
	}
	for range rounds {
		ms, failed := ipsec("--clear")
		step("warm", ms, failed)
		ms, failed = ipsec("--add", "--src", "10.7.7.0/24", "--dst", "10.8.8.0/24", "--said", "%drop")
		step("warm", ms, failed)
		ms, failed = ipsec(append([]string{"--add", "--said", "%drop"}, one...)...)
		step("add1", ms, failed)
		ms, failed = ipsec("--clear")
		step("warm", ms, failed)
		ms, failed = ipsec("--batch", ours)
		step("batch", ms, failed)
		ms, failed = timed(ctx, "ip", "-batch", theirs)
		step("ip", ms*float64(n)/float64(min(n, ipLimit)), failed)
		ms, failed = timed(ctx, "ip", "xfrm", "policy", "flush")
		step("flush", ms, failed)
		ms, failed = ipsec(append([]string{"--add", "--said", "%drop"}, one...)...)
		step("add", ms, failed)
		ms, failed = ipsec("--clear")
		step("clear", ms, failed)
		if err != nil {
			return cost, err
		}
	}
	mid := func(name string) float64 { m, _ := median(steps[name]); return m }
	return changeCost{n, mid("batch"), mid("ip"), mid("add"), mid("add1"), mid("clear")}, nil
}

func writeLines(path string, n int, format string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write batch: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	for i := range n {
		if _, err := fmt.Fprintf(w, format, i%5, 80+i>>24, i>>16&255, i>>8&255, i&255); err != nil {
			return fmt.Errorf("write batch: %w", err)
		}
	}
	return w.Flush()
}

// timed runs a command, and returns how long it took in ms.
func timed(ctx context.Context, name string, args ...string) (float64, error) {
	started := time.Now()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%s %v: %w: %s", name, args, err, out)
	}
	return float64(time.Since(started).Microseconds()) / 1000, nil
}
