// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/schema"
	"github.com/ipsec-eroute/eroute/internal/testenv"
)

// relay is a running "ipsec acquire --json", or another command that prints events.
type relay struct {
	cmd    *exec.Cmd
	stderr *bytes.Buffer
	done   chan struct{}

	mu     sync.Mutex
	events []relayEvent
}

// relayEvent is an event of docs/json.md.
type relayEvent struct {
	Event string
	Flow  struct {
		Src, Dst string
		Proto    int
		SrcPort  int `json:"src_port"`
		DstPort  int `json:"dst_port"`
	}
	Eroute  struct{ Src, Dst, SAID string }
	Device  string
	Time    time.Time
	Packets int
	Detail  string
}

// startRelay runs a relay on East until the test ends, and waits until it reads events.
func (g *gateway) startRelay(t *testing.T, args ...string) *relay {
	t.Helper()
	r := g.startEvents(t, append([]string{"acquire", "--json"}, args...)...)
	g.waitForRelay(t)
	return r
}

// startEvents runs a command that prints events on East until the test ends.
func (g *gateway) startEvents(t *testing.T, args ...string) *relay {
	t.Helper()
	path := testenv.Ipsec(t)
	r := &relay{cmd: g.East.Command(context.Background(), path, args...), stderr: &bytes.Buffer{}, done: make(chan struct{})}
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.cmd.Stderr = r.stderr
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.done)
		for decoder := json.NewDecoder(stdout); ; {
			var line json.RawMessage
			if decoder.Decode(&line) != nil {
				return
			}
			var e relayEvent
			if err := errors.Join(json.Unmarshal(line, &e), schema.Check(line)); err != nil {
				t.Errorf("event %s: %v", line, err)
			}
			r.mu.Lock()
			r.events = append(r.events, e)
			r.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		r.stop(t, syscall.SIGTERM)
		if t.Failed() {
			t.Logf("%v:\n%s", r.cmd.Args, r.stderr)
		}
	})
	return r
}

// waitForRelay waits until the programs see the relay's lease.
func (g *gateway) waitForRelay(t *testing.T) {
	t.Helper()
	if !eventually(t, func() bool { return g.relayRuns(t) }) {
		t.Fatal("no relay")
	}
}

// stop ends the relay by a signal, unless it has ended.
func (r *relay) stop(t *testing.T, s syscall.Signal) {
	t.Helper()
	if r.cmd.ProcessState != nil {
		return
	}
	// A stopped process handles no signal.
	for _, s := range []syscall.Signal{s, syscall.SIGCONT} {
		if err := r.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
	}
	<-r.done
	if err := r.cmd.Wait(); err != nil && s == syscall.SIGTERM {
		t.Errorf("relay: %v", err)
	}
}

// of returns the events of a kind so far.
func (r *relay) of(kind string) (all []relayEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Event == kind {
			all = append(all, e)
		}
	}
	return all
}

// kinds returns the kinds of the events so far, one word each.
func (r *relay) kinds() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var kinds []string
	for _, e := range r.events {
		kinds = append(kinds, e.Event)
	}
	slices.Sort(kinds)
	return strings.Join(kinds, " ")
}

// waitFor waits until there are n events of a kind, and returns them.
func (r *relay) waitFor(t *testing.T, kind string, n int) []relayEvent {
	t.Helper()
	if !eventually(t, func() bool { return len(r.of(kind)) >= n }) {
		t.Fatalf("events: %s, want %d of %s", r.kinds(), n, kind)
	}
	return r.of(kind)
}
