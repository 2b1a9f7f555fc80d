// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// crashEnv names the scenario that the test binary runs instead of tests, to be killed in it.
const crashEnv = "EROUTE_CRASH"

// crash is a command that is killed.
type crash struct {
	name    string
	changes []eroute.Change
	restore bool // they are a whole table
}

// crashStep is one in how many system calls a command is killed at, from a random one on;
// EROUTE_CRASH_ALL has it killed at every one.
const crashStep = 4

var crashes = []crash{
	{"add", []eroute.Change{add(nth(7), otherSA)}, false},
	{"replace", []eroute.Change{replace(nth(1), eroute.Drop)}, false},
	{"delete", []eroute.Change{{Op: eroute.OpDel, Selector: nth(1)}}, false},
	{"clear", []eroute.Change{empty}, false},
	{"batch", []eroute.Change{add(nth(7), otherSA), replace(nth(0), tunnelSA), {Op: eroute.OpDel, Selector: nth(1)}, add(nth(8), eroute.Trap)}, false},
	{"restore", []eroute.Change{add(nth(1), tunnelSA), add(nth(0), otherSA), add(nth(9), eroute.Trap)}, true},
}

var crashTable = []eroute.Change{add(nth(0), eroute.Drop), add(nth(1), tunnelSA), add(sel("2001:db8::/32", "::/0"), tunnelSA)}

func TestMain(m *testing.M) {
	if name := os.Getenv(crashEnv); name != "" {
		runtime.LockOSThread() // strace counts the calls of each thread
		i := slices.IndexFunc(crashes, func(c crash) bool { return c.name == name })
		if err := crashes[i].run(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func (c *crash) run() error {
	table, err := OpenWrite()
	if err != nil {
		return err
	}
	if c.restore {
		_, err = table.Restore(context.Background(), inTurn(nil, c.changes...), true)
	} else {
		err = table.Apply(context.Background(), c.changes)
	}
	return errors.Join(err, table.Close())
}

// outcomes are the tables that may be there once the command has ended or was killed: that
// from before, that after, and for changes one by one those between.
func (c *crash) outcomes(t *testing.T) (all []*eroute.Linear) {
	t.Helper()
	l := &eroute.Linear{}
	for _, before := range crashTable {
		if err := applyTo(l, before); err != nil {
			t.Fatal(err)
		}
	}
	all = append(all, copyOf(l))
	if c.restore {
		l.Clear()
	}
	for _, change := range c.changes {
		if err := applyTo(l, change); err != nil {
			t.Fatal(err)
		}
		if !c.restore {
			all = append(all, copyOf(l))
		}
	}
	if c.restore {
		all = append(all, l)
	}
	return all
}

// A command that is killed at any of its bpf(2) calls leaves a table that the next
// accepts and puts right: each change is in it or not, and nothing else. Needs strace.
func TestKilledAtEveryStep(t *testing.T) {
	for _, c := range crashes {
		t.Run(c.name, func(t *testing.T) {
			first, step := 1+rand.IntN(crashStep), crashStep
			if os.Getenv("EROUTE_CRASH_ALL") != "" {
				first, step = 1, 1
			}
			outcomes, seen := c.outcomes(t), map[int]int{}
			kills := 0
			for at := first; ; at += step {
				table := newTable(t)
				reference := &eroute.Linear{}
				mustApply(t, table, reference, crashTable...)
				if err := table.Close(); err != nil {
					t.Fatal(err)
				}
				killed := c.runUntil(t, at)
				again, err := OpenWrite()
				if err != nil {
					t.Fatalf("killed at call %d: %v", at, err)
				}
				*table = *again // for newTable to remove
				outcome := slices.IndexFunc(outcomes, func(l *eroute.Linear) bool { return sameListing(t, table, l) })
				if outcome < 0 {
					t.Fatalf("killed at call %d: the table is neither that from before nor that after", at)
				}
				seen[outcome]++
				checkDerived(t, table)
				if t.Failed() {
					t.Fatalf("killed at call %d", at)
				}
				mustApply(t, table, copyOf(outcomes[outcome]), replace(nth(1), otherSA))
				checkDerived(t, table)
				if !killed {
					break
				}
				kills++
			}
			if seen[0] == 0 || seen[len(outcomes)-1] == 0 {
				t.Errorf("outcomes %v: want the table from before and the one after", seen)
			}
			t.Logf("killed at %d calls, outcomes %v", kills, seen)
		})
	}
}

// runUntil runs the command and kills it when it enters a bpf(2) call, counted from 1.
// Reports false if there are not as many.
func (c *crash) runUntil(t *testing.T, call int) (killed bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "strace", "-qq", "-f", "-o", os.DevNull, "-e", "trace=bpf",
		"-e", fmt.Sprintf("inject=bpf:signal=SIGKILL:when=%d", call), os.Args[0])
	cmd.Env = append(os.Environ(), crashEnv+"="+c.name)
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		status := exit.Sys().(syscall.WaitStatus)
		if status.Signaled() && status.Signal() == syscall.SIGKILL {
			return true
		}
	}
	if err != nil {
		t.Fatalf("run until call %d: %v: %s", call, err, out)
	}
	return false
}

// sameListing reports whether the table has these eroutes.
func sameListing(t *testing.T, table *Table, l *eroute.Linear) bool {
	t.Helper()
	want := l.List()
	i := 0
	for got, err := range table.All() {
		if err != nil {
			t.Fatal(err)
		}
		if i >= len(want) || got.Selector != want[i].Selector || got.SAID != want[i].SAID {
			return false
		}
		i++
	}
	return i == len(want)
}
