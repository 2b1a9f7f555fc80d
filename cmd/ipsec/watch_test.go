// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/ipsec-eroute/eroute/pkg/busy"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/test/schema"
)

// busyMemory has three eroutes, which 0, 1 and 10 packets meet with every look.
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

// clock returns one that is a second later each time.
func clock() func() time.Time {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	return func() time.Time {
		now = now.Add(time.Second)
		return now
	}
}

// writes calls f with all that was written so far, after each write.
type writes struct {
	bytes.Buffer
	f func(all string)
}

func (w *writes) Write(b []byte) (int, error) {
	n, err := w.Buffer.Write(b)
	w.f(w.String())
	return n, err
}

// runWatchLines runs --watch until it has written as many lines.
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

// Without a terminal there is a line for what was met in each interval.
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

// A network namespace without a table has no eroutes.
func TestWatchNoTable(t *testing.T) {
	if got := runWatchLines(t, newMemory(), 2); !strings.Contains(got, "           0              0 all 0 eroutes\n") {
		t.Errorf("got %s", got)
	}
}

// screenOf returns the lines of a screen without its colours.
func screenOf(m *watchModel) []string {
	return strings.Split(ansi.Strip(m.View().Content), "\n")
}

// press sends keys.
func press(m *watchModel, keys ...rune) {
	for _, k := range keys {
		m.Update(tea.KeyPressMsg{Code: k, Text: string(k)})
	}
}

// On a terminal the busiest come first, by the key that was pressed; a paused screen
// stays, but can be sorted.
func TestWatchModel(t *testing.T) {
	m := busyMemory(t)
	now := clock()
	var watcher busy.Watcher
	model := &watchModel{interval: time.Second, look: func() (busy.Look, error) {
		m.traffic()
		return watcher.Look(m, now(), watchRows)
	}}
	model.Update(tea.WindowSizeMsg{Width: 120, Height: 8})
	if got := screenOf(model); got[0] != "looking ..." {
		t.Errorf("got %q", got)
	}
	see := func() {
		if _, next := model.Update(model.lookNow()); next == nil {
			t.Fatal("nothing follows a look")
		}
	}
	see()
	see()
	want := []string{
		"3 eroutes  11 packets/s  1.1k bytes/s  12:00:02  every 1s",
		" packets/s   bytes/s       packets             bytes  eroute",
		"        10      1.0k            20              2000  3049:1::/64        -> 3049:2::/64        => %trap",
		"       1.0       100             2               200  10.2.0.0/16        -> 10.9.0.0/16        => %pass",
		"         0         0             0                 0  10.1.0.0/16        -> 10.9.0.0/16        => %drop",
		"", "",
		watchKeys,
	}
	if diff := cmp.Diff(want, screenOf(model)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	m.met[m.eroutes.List()[0].Selector] = 100
	press(model, ' ')
	see()
	if got := screenOf(model); got[0] != "3 eroutes  11 packets/s  1.1k bytes/s  12:00:02  paused" {
		t.Errorf("paused: %q", got[0])
	}
	press(model, ' ')
	see()
	see() // without more for the first
	for _, test := range []struct {
		key  rune
		want string
	}{{'P', "%drop"}, {'p', "%trap"}, {'B', "%drop"}, {'b', "%trap"}} {
		press(model, test.key)
		if got := screenOf(model); !strings.HasSuffix(got[2], test.want) {
			t.Errorf("%c: %q comes first, want %s", test.key, got[2], test.want)
		}
	}
	model.Update(tea.WindowSizeMsg{Width: 30, Height: 4})
	if got := screenOf(model); len(got) != 4 || got[3] != watchKeys[:30] || !strings.HasPrefix(got[2], "        10") {
		t.Errorf("small: %q", got)
	}
	for _, key := range []string{"q", "esc", "ctrl+c"} {
		if quit := model.key(key); quit == nil || quit() != (tea.QuitMsg{}) {
			t.Errorf("%s does not quit", key)
		}
	}
	broken := errors.New("broken")
	if _, quit := model.Update(lookMsg{err: broken}); quit == nil || !errors.Is(model.err, broken) {
		t.Errorf("an error goes on: %v", model.err)
	}
}

func TestShort(t *testing.T) {
	for n, want := range map[float64]string{
		0: "0", 0.25: "0.2", 9.9: "9.9", 10: "10", 999: "999", 1000: "1.0k", 1.5e6: "1.5M", 12e9: "12.0G", 3e12: "3.0T", 5e15: "5P",
	} {
		if got := short(n); got != want {
			t.Errorf("%g: %s, want %s", n, got, want)
		}
	}
}
