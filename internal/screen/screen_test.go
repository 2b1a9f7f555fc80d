// SPDX-License-Identifier: Apache-2.0

package screen

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/top"
)

// source has three eroutes, which match 0, 1 and 10 packets of 100 bytes between samples.
type source struct{ packets [3]uint64 }

func (s *source) traffic() {
	for i := range s.packets {
		s.packets[i] += []uint64{0, 1, 10}[i]
	}
}

func (s *source) EachCount(f func(id uint32, packets, bytes uint64)) error {
	for id, n := range s.packets {
		f(uint32(id), n, 100*n)
	}
	return nil
}

func (s *source) Version() uint64 { return 0 }

func (s *source) Named(ids map[uint32]bool) (map[uint32]eroute.Eroute, error) {
	of := func(src, dst string, said eroute.SAID) eroute.Eroute {
		return eroute.Eroute{Selector: eroute.Selector{Src: netip.MustParsePrefix(src), Dst: netip.MustParsePrefix(dst)}, SAID: said}
	}
	return map[uint32]eroute.Eroute{
		0: of("10.1.0.0/16", "10.9.0.0/16", eroute.Drop),
		1: of("10.2.0.0/16", "10.9.0.0/16", eroute.Pass),
		2: of("3049:1::/64", "3049:2::/64", eroute.Trap),
	}, nil
}

func (s *source) Holds() ([]eroute.Eroute, error) { return nil, nil }

// screenOf returns the lines of a screen without colours.
func screenOf(m *model) []string {
	return strings.Split(ansi.Strip(m.View().Content), "\n")
}

// press sends keys.
func press(m *model, keys ...rune) {
	for _, k := range keys {
		m.Update(tea.KeyPressMsg{Code: k, Text: string(k)})
	}
}

// TestScreen checks that the busiest eroutes come first, by the key that was pressed, and that a paused screen
// does not change but can be sorted.
func TestScreen(t *testing.T) {
	src := &source{}
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	var watcher top.Sampler
	m := &model{interval: time.Second, look: func() (top.Sample, error) {
		src.traffic()
		now = now.Add(time.Second)
		return watcher.Sample(src, now, MaxRows)
	}}
	m.Update(tea.WindowSizeMsg{Width: 120, Height: 8})
	if got := screenOf(m); got[0] != "loading ..." {
		t.Errorf("got %q", got)
	}
	see := func() {
		if _, next := m.Update(m.refreshNow()); next == nil {
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
		keysHelp,
	}
	if diff := cmp.Diff(want, screenOf(m)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	src.packets[0] = 100
	press(m, ' ')
	see()
	if got := screenOf(m); got[0] != "3 eroutes  11 packets/s  1.1k bytes/s  12:00:02  paused" {
		t.Errorf("paused: %q", got[0])
	}
	press(m, ' ')
	see()
	see() // no traffic on the first eroute
	for _, test := range []struct {
		key  rune
		want string
	}{{'P', "%drop"}, {'p', "%trap"}, {'B', "%drop"}, {'b', "%trap"}} {
		press(m, test.key)
		if got := screenOf(m); !strings.HasSuffix(got[2], test.want) {
			t.Errorf("%c: %q comes first, want %s", test.key, got[2], test.want)
		}
	}
	m.Update(tea.WindowSizeMsg{Width: 30, Height: 4})
	if got := screenOf(m); len(got) != 4 || got[3] != keysHelp[:30] || !strings.HasPrefix(got[2], "        10") {
		t.Errorf("small: %q", got)
	}
	for _, key := range []string{"q", "esc", "ctrl+c"} {
		if quit := m.key(key); quit == nil || quit() != (tea.QuitMsg{}) {
			t.Errorf("%s does not quit", key)
		}
	}
	broken := errors.New("broken")
	if _, quit := m.Update(refreshMsg{err: broken}); quit == nil || !errors.Is(m.err, broken) {
		t.Errorf("an error goes on: %v", m.err)
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
