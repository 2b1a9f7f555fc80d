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
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/revision"
)

// crashEnv names the scenario that the test binary runs instead of tests, in order to be killed.
const crashEnv = "EROUTE_CRASH"

// crash is a command that is killed, or whose system calls fail.
type crash struct {
	name    string
	changes []eroute.Change
	restore bool // the changes are a complete table, of the second revision
	flows   bool // traps have made flows before
	aside   bool // an SA is set aside, instead of changes
}

// crashSteps are the distances between the system calls at which a command is killed, starting from a random one:
// while it opens the table, most of its calls, and from the first one on that changes a map. With
// EROUTE_TEST_CRASHES it is killed at every call.
var crashSteps = struct{ opening, changing int }{32, 3}

// afterAll is the number of a call that no command makes.
const afterAll = 1 << 15

var crashes = []crash{
	{name: "add", changes: []eroute.Change{add(nth(7), otherSA)}},
	{name: "replace", changes: []eroute.Change{replace(nth(1), eroute.Drop)}},
	{name: "delete", changes: []eroute.Change{del(nth(1)), del(nth(2))}},
	{name: "clear", changes: []eroute.Change{empty}},
	{name: "batch", changes: []eroute.Change{add(nth(7), flowSA), replace(nth(0), tunnelSA), del(nth(1)), add(nth(8), eroute.Trap)}},
	{name: "batch with flows", changes: []eroute.Change{add(nth(7), otherSA), replace(nth(0), tunnelSA), replace(nth(1), eroute.Trap)}, flows: true},
	{name: "set aside", aside: true},
	{name: "restore", changes: []eroute.Change{add(nth(1), tunnelSA), add(nth(0), failoverSA), add(nth(9), eroute.Trap)}, restore: true},
}

// Groups of SAs.
var (
	flowSA     = mustGroup(eroute.SpreadFlow)
	failoverSA = mustGroup(eroute.SpreadFailover, eroute.Trap)
)

func mustGroup(spread eroute.Spread, more ...eroute.SAID) eroute.SAID {
	said, err := eroute.NewGroup(spread, append([]eroute.SAID{tunnelSA, otherSA}, more...)...)
	if err != nil {
		panic(err)
	}
	return said
}

var crashTable = []eroute.Change{add(nth(0), eroute.Drop), add(nth(1), tunnelSA), add(sel("2001:db8::/32", "::/0"), tunnelSA), add(nth(2), failoverSA)}

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
	switch {
	case c.aside:
		_, err = table.SetAside(otherSA, true)
	case c.restore:
		_, err = table.RestoreAs(context.Background(), inTurn(nil, c.changes...), revision.Revision{ID: "second"})
	default:
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
	outcomes, seen := c.outcomes(t), map[int]int{}
	once := func(at int) (calls []string) {
		var outcome int
		outcome, calls = c.interruptAt(t, fmt.Sprintf(inject[rand.IntN(len(inject))], at), at, outcomes)
		seen[outcome]++
		return calls
	}
	steps := stepsOf(once(afterAll))
	for _, at := range steps {
		once(at)
	}
	if seen[0] == 0 || seen[len(outcomes)-1] == 0 {
		t.Errorf("outcomes %v: want the table from before and the one after", seen)
	}
	t.Logf("at %d calls, outcomes %v", len(steps), seen)
}

// stepsOf returns the numbers of those of a command's calls at which it is killed, from 1.
func stepsOf(calls []string) (steps []int) {
	changing := slices.IndexFunc(calls, func(call string) bool {
		return strings.HasPrefix(call, "BPF_MAP_UPDATE_") || strings.HasPrefix(call, "BPF_MAP_DELETE_")
	})
	opening, step := crashSteps.opening, crashSteps.changing
	if os.Getenv("EROUTE_TEST_CRASHES") != "" {
		opening, step = 1, 1
	}
	for at := 1 + rand.IntN(opening); at <= changing; at += opening {
		steps = append(steps, at)
	}
	for at := changing + 1 + rand.IntN(step); at <= len(calls); at += step {
		steps = append(steps, at)
	}
	return steps
}

// interruptAt runs the command with a fault at one of its calls, and checks the table. It returns the number of its
// outcome, and the calls that the command made.
func (c *crash) interruptAt(t *testing.T, inject string, at int, outcomes []*eroute.Linear) (outcome int, calls []string) {
	table := newTable(t)
	reference := &eroute.Linear{}
	mustApply(t, table, reference, crashTable...)
	mustRestoreAs(t, table, ofFirst, crashTable...)
	if c.flows {
		makeHold(t, table, nth(1), abi.Entry{Selector: nth(1)})
		if err := table.deleteFlow(abi.NewFlowKey(nth(1), table.generation())); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	calls, failed := c.runWith(t, inject)
	again, err := OpenWrite()
	if err != nil {
		t.Fatalf("call %d: %v", at, err)
	}
	*table = *again // for newTable to remove
	outcome = slices.IndexFunc(outcomes, func(l *eroute.Linear) bool { return sameListing(t, table, l) })
	if outcome < 0 || !failed && outcome != len(outcomes)-1 {
		t.Fatalf("call %d: the table is number %d of %d, from before, on the way and after", at, outcome, len(outcomes))
	}
	c.checkRevision(t, table, at, outcome > 0, outcome == len(outcomes)-1, failed)
	mustApply(t, table, copyOf(outcomes[outcome])) // builds the index if there was no memory for it
	checkDerived(t, table)
	if t.Failed() {
		t.Fatalf("call %d", at)
	}
	mustApply(t, table, copyOf(outcomes[outcome]), replace(nth(1), otherSA))
	checkDerived(t, table)
	return outcome, calls
}

// checkRevision checks that a table that is not that of its revision is shown as changed.
func (c *crash) checkRevision(t *testing.T, table *Table, at int, isOther, isLast, failed bool) {
	t.Helper()
	s, err := table.Stats()
	if err != nil {
		t.Fatal(err)
	}
	switch r := s.Revision; {
	case c.aside && r == ofFirst:
	case c.restore && isLast && r == (revision.Revision{ID: "second"}):
	case r == ofFirstChanged && (failed || !c.restore):
	case r == ofFirst && !isOther && failed:
	default:
		t.Errorf("call %d: revision %v of a table that is the one before: %v, the one after: %v", at, r, !isOther, isLast)
	}
}

// runWith runs the command under strace, which injects a fault into one of its bpf(2) calls, counted from 1. It
// returns the calls that it made and reports whether it failed.
func (c *crash) runWith(t *testing.T, inject string) (calls []string, failed bool) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "strace")
	cmd := exec.CommandContext(t.Context(), "strace", "-qq", "-f", "-o", file, "-e", "trace=bpf", "-e", "inject=bpf:"+inject, os.Args[0])
	cmd.Env = append(os.Environ(), crashEnv+"="+c.name)
	out, err := cmd.CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if err != nil && !ok {
		t.Fatalf("run with %s: %v: %s", inject, err, out)
	}
	log, readErr := os.ReadFile(file)
	if readErr != nil {
		t.Fatal(readErr)
	}
	for _, match := range straced.FindAllSubmatch(log, -1) {
		calls = append(calls, string(match[1]))
	}
	killed := ok && exit.Sys().(syscall.WaitStatus).Signaled()
	if err != nil && !killed && !bytes.Contains(log, []byte("(INJECTED)")) {
		t.Fatalf("run with %s: %v: %s", inject, err, out)
	}
	return calls, err != nil
}

// straced is the begin of a line about a call: the number of the thread, and the command.
var straced = regexp.MustCompile(`(?m)^\d+ +bpf\((BPF_\w+)`)

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
