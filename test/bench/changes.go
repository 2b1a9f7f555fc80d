// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/test/bench/figures"
)

// changes measures the cost of changes of a table, for a whole process.
func (b *bench) changes(ctx context.Context) error {
	for _, n := range b.sizes {
		c := figures.Case{Section: figures.Change, Eroutes: n}
		b.progress(c)
		rounds, err := b.changesOf(ctx, hub(nil, n, false))
		if err != nil {
			return err
		}
		b.Add(c, rounds)
	}
	return nil
}

// adds is the number of single eroutes added in a round; the median is used.
const adds = 7

func (b *bench) changesOf(ctx context.Context, selectors []eroute.Selector) (rounds figures.Rounds, err error) {
	n := len(selectors)
	rounds = make(figures.Rounds)
	ours := func(w io.Writer) {
		for _, s := range selectors {
			_, _ = fmt.Fprintf(w, "--add --src %s --dst %s --said %%drop\n", s.Src, s.Dst)
		}
	}
	theirs := func(w io.Writer) {
		for _, s := range selectors[:min(n, policyLimit)] {
			_, _ = fmt.Fprintf(w, "xfrm policy add src %s dst %s dir fwd action block\n", s.Src, s.Dst)
		}
	}
	err = withLines(ours, func(ours string) error {
		return withLines(theirs, func(theirs string) error {
			if _, err := ipsec(ctx, "--limit", fmt.Sprint(max(n+1, 1000000))); err != nil {
				return err
			}
			for range b.Rounds {
				if err := changeRound(ctx, rounds, ours, theirs, n <= policyLimit); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return rounds, err
}

// changeRound makes each change once. Steps without a name are not counted.
func changeRound(ctx context.Context, rounds figures.Rounds, ours, theirs string, whole bool) error {
	ipsec := func(args ...string) func() (float64, error) {
		return func() (float64, error) { return ipsec(ctx, args...) }
	}
	ip := func(args ...string) func() (float64, error) {
		return func() (float64, error) { return timed(ctx, "ip", args...) }
	}
	one := func() (float64, error) { return addOne(ctx) }
	for _, step := range []struct {
		name  string
		ms    func() (float64, error)
		peers bool
	}{
		{"", ipsec("--clear"), false},
		{"", ipsec("--add", "--src", "10.7.7.0/24", "--dst", "10.8.8.0/24", "--said", "%drop"), false},
		{"add-at-1", one, false},
		{"", ipsec("--clear"), false},
		{"batch", ipsec("--batch", ours), false},
		{"ip-batch", ip("-batch", theirs), true},
		{"", ip("xfrm", "policy", "flush"), true},
		{"add", one, false},
		{"clear", ipsec("--clear"), false},
	} {
		if step.peers && !whole {
			continue
		}
		ms, err := step.ms()
		if err != nil {
			return err
		}
		if step.name != "" {
			rounds[step.name] = append(rounds[step.name], ms)
		}
	}
	return nil
}

// addOne adds an eroute to the existing table, several times, and deletes it again.
func addOne(ctx context.Context) (ms float64, err error) {
	selector := []string{"--src", "10.9.9.0/24", "--dst", "10.8.8.0/24"}
	var all []float64
	for range adds {
		ms, err := ipsec(ctx, append([]string{"--add", "--said", "%drop"}, selector...)...)
		if err != nil {
			return 0, err
		}
		all = append(all, ms)
		if _, err := ipsec(ctx, append([]string{"--del"}, selector...)...); err != nil {
			return 0, err
		}
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}

// ipsec runs ipsec eroute.
func ipsec(ctx context.Context, args ...string) (ms float64, err error) {
	return timed(ctx, "bin/ipsec", append([]string{"eroute"}, args...)...)
}

// timed runs a command, and returns its duration in ms.
func timed(ctx context.Context, name string, args ...string) (ms float64, err error) {
	started := time.Now()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%s %v: %w: %s", name, args, err, out)
	}
	return float64(time.Since(started).Microseconds()) / 1000, nil
}
