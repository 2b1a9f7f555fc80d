// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// crashEnv names the scenario that the test binary runs instead of tests, in order to be killed.
const crashEnv = "EROUTE_CRASH"

// crash is a command that is killed, or whose system calls fail.
type crash struct {
	name    string
	changes []eroute.Change
	restore bool // the changes are a complete table
	flows   bool // traps have made flows before
}

// crashStep is the distance between the system calls at which a command is killed, starting from a random one.
// With EROUTE_CRASH_ALL it is killed at every call.
const crashStep = 4

var crashes = []crash{
	{name: "add", changes: []eroute.Change{add(nth(7), otherSA)}},
	{name: "replace", changes: []eroute.Change{replace(nth(1), eroute.Drop)}},
	{name: "delete", changes: []eroute.Change{del(nth(1))}},
	{name: "clear", changes: []eroute.Change{empty}},
	{name: "batch", changes: []eroute.Change{add(nth(7), otherSA), replace(nth(0), tunnelSA), del(nth(1)), add(nth(8), eroute.Trap)}},
	{name: "batch with flows", changes: []eroute.Change{add(nth(7), otherSA), replace(nth(0), tunnelSA), replace(nth(1), eroute.Trap)}, flows: true},
	{name: "restore", changes: []eroute.Change{add(nth(1), tunnelSA), add(nth(0), otherSA), add(nth(9), eroute.Trap)}, restore: true},
}

var crashTable = []eroute.Change{add(nth(0), eroute.Drop), add(nth(1), tunnelSA), add(sel("2001:db8::/32", "::/0"), tunnelSA)}

func TestMain(m *testing.M) {
	if name := os.Getenv(crashEnv); name != "" {
		runtime.LockOSThread() // strace counts the calls of each thread
		pinned.Sequential = true
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

// outcomes returns the tables that are possible after the command has ended or was killed: the one before it,
// the one after it, and, for changes made one by one, those in between.
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

// TestKilledAtEveryStep checks that a command killed at any of its bpf(2) calls leaves a table that the next
// command accepts and repairs: each change is in it or not, and nothing else. Needs strace.
func TestKilledAtEveryStep(t *testing.T) { interruptCommands(t, "signal=SIGKILL:when=%d") }

// TestNoMemoryAtEveryStep checks the same for a command whose bpf(2) calls fail with ENOMEM, one of them or all
// from one on.
func TestNoMemoryAtEveryStep(t *testing.T) {
	interruptCommands(t, "error=ENOMEM:when=%d", "error=ENOMEM:when=%d+")
}

// interruptCommands injects a fault into one bpf(2) call after the other, chosen at random from inject.
func interruptCommands(t *testing.T, inject ...string) {
	for _, c := range crashes {
		t.Run(c.name, func(t *testing.T) { c.interrupt(t, inject) })
	}
}

func (c *crash) interrupt(t *testing.T, inject []string) {
	first, step := 1+rand.IntN(crashStep), crashStep
	if os.Getenv("EROUTE_CRASH_ALL") != "" {
		first, step = 1, 1
	}
	outcomes, seen := c.outcomes(t), map[int]int{}
	times := 0
	for at := first; ; at += step {
		table := newTable(t)
		reference := &eroute.Linear{}
		mustApply(t, table, reference, crashTable...)
		if c.flows {
			makeHold(t, table, nth(1), abi.Entry{Selector: nth(1)})
			if err := table.deleteFlow(abi.NewFlowKey(nth(1), table.generation())); err != nil {
				t.Fatal(err)
			}
		}
		if err := table.Close(); err != nil {
			t.Fatal(err)
		}
		happened, failed := c.runWith(t, fmt.Sprintf(inject[rand.IntN(len(inject))], at))
		again, err := OpenWrite()
		if err != nil {
			t.Fatalf("call %d: %v", at, err)
		}
		*table = *again // for newTable to remove
		outcome := slices.IndexFunc(outcomes, func(l *eroute.Linear) bool { return sameListing(t, table, l) })
		if outcome < 0 || !failed && outcome != len(outcomes)-1 {
			t.Fatalf("call %d: the table is number %d of %d, from before, on the way and after", at, outcome, len(outcomes))
		}
		seen[outcome]++
		mustApply(t, table, copyOf(outcomes[outcome])) // builds the index if there was no memory for it
		checkDerived(t, table)
		if t.Failed() {
			t.Fatalf("call %d", at)
		}
		mustApply(t, table, copyOf(outcomes[outcome]), replace(nth(1), otherSA))
		checkDerived(t, table)
		if !happened {
			break
		}
		times++
	}
	if seen[0] == 0 || seen[len(outcomes)-1] == 0 {
		t.Errorf("outcomes %v: want the table from before and the one after", seen)
	}
	t.Logf("at %d calls, outcomes %v", times, seen)
}

// runWith runs the command under strace, which injects a fault into one of its bpf(2) calls, counted from 1. It
// reports whether that call was made, and whether the command failed.
func (c *crash) runWith(t *testing.T, inject string) (happened, failed bool) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "strace")
	cmd := exec.CommandContext(t.Context(), "strace", "-qq", "-f", "-o", log, "-e", "trace=bpf", "-e", "inject=bpf:"+inject, os.Args[0])
	cmd.Env = append(os.Environ(), crashEnv+"="+c.name)
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatalf("run with %s: %v: %s", inject, err, out)
	} else if ok && exit.Sys().(syscall.WaitStatus).Signaled() {
		return true, true
	}
	calls, readErr := os.ReadFile(log)
	if readErr != nil {
		t.Fatal(readErr)
	}
	happened = bytes.Contains(calls, []byte("(INJECTED)"))
	if err != nil && !happened {
		t.Fatalf("run with %s: %v: %s", inject, err, out)
	}
	return happened, err != nil
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
