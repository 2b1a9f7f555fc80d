// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipsec-eroute/eroute/internal/schema"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// busyMemory returns a table with three eroutes, which match 0, 1 and 10 packets between samples.
func busyMemory(t *testing.T) *memory {
	t.Helper()
	m := newMemory()
	m.exists = true
	m.met = make(map[eroute.Selector]uint64)
	add(t, m, "10.1.0.0/16", "10.9.0.0/16", eroute.Drop)
	add(t, m, "10.2.0.0/16", "10.9.0.0/16", eroute.Pass)
	add(t, m, "3049:1::/64", "3049:2::/64", eroute.Trap)
	return m
}

func (m *memory) traffic() {
	for i, e := range m.eroutes.List() {
		m.met[e.Selector] += []uint64{0, 1, 10}[i]
	}
}

// clock returns a clock that advances by a second with each call.
func clock() func() time.Time {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	return func() time.Time {
		now = now.Add(time.Second)
		return now
	}
}

// writes calls f with all output so far, after each write.
type writes struct {
	bytes.Buffer
	f func(all string)
}

func (w *writes) Write(b []byte) (int, error) {
	n, err := w.Buffer.Write(b)
	w.f(w.String())
	return n, err
}

// runWatchLines runs --watch until it has written this number of lines.
func runWatchLines(t *testing.T, m *memory, lines int, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	out := &writes{}
	out.f = func(all string) {
		m.traffic()
		if strings.Count(all, "\n") >= lines {
			cancel()
		}
	}
	var stderr bytes.Buffer
	e := testEnv(nil, out, &stderr)
	m.openers(e)
	e.now = clock()
	open := e.openRead
	e.openRead = func() (table, error) { m.traffic(); return open() }
	if status := run(ctx, e, append([]string{"eroute", "--watch", "--interval", "0.1"}, args...)); status != 0 || stderr.Len() > 0 {
		t.Fatalf("status %d, stderr %q", status, stderr.String())
	}
	return out.String()
}

// TestWatchPlain checks that without a terminal --watch prints a line per interval for matched packets.
func TestWatchPlain(t *testing.T) {
	m := busyMemory(t)
	got := runWatchLines(t, m, 4)
	const want = "time                   packets/s     bytes/s      packets          bytes eroute\n" +
		"2026-11-24T12:00:02Z        22.0      2200.0           33           3300 all 3 eroutes\n" +
		"2026-11-24T12:00:02Z        20.0      2000.0           30           3000 3049:1::/64        -> 3049:2::/64        => %trap\n" +
		"2026-11-24T12:00:02Z         2.0       200.0            3            300 10.2.0.0/16        -> 10.9.0.0/16        => %pass\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestWatchJSON(t *testing.T) {
	got := runWatchLines(t, busyMemory(t), 2, "--json")
	if err := schema.CheckLines([]byte(got)); err != nil {
		t.Error(err)
	}
	if !strings.HasPrefix(got, `{"time":"2026-11-24T12:00:02Z","seconds":1,"eroutes":3,"packets":22,"bytes":2200,"packets_per_second":11,"bytes_per_second":1100,`+
		`"top":[{"src":"3049:1::/64","dst":"3049:2::/64","said":"%trap","action":"trap","packets":20,"bytes":2000,"packets_per_second":10,"bytes_per_second":1000},`) {
		t.Errorf("got %s", got)
	}
}

// TestWatchNoTable checks that a network namespace without a table has no eroutes.
func TestWatchNoTable(t *testing.T) {
	if got := runWatchLines(t, newMemory(), 2); !strings.Contains(got, "           0              0 all 0 eroutes\n") {
		t.Errorf("got %s", got)
	}
}
