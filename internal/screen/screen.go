// SPDX-License-Identifier: Apache-2.0

// Package screen shows the busiest eroutes, or a text, on a terminal, refreshed at an interval.
package screen

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/term"

	"github.com/ipsec-eroute/eroute/pkg/top"
)

// MaxRows is the maximum number of eroutes that a screen shows.
const MaxRows = 200

// Terminal is where a screen is shown.
type Terminal struct {
	In      io.Reader
	Out     io.Writer
	Environ []string // NAME=VALUE
}

// Run shows samples, taken at an interval, until the context ends or the user quits.
func (t Terminal) Run(ctx context.Context, interval time.Duration, sample func() (top.Sample, error)) error {
	m := &model{look: sample, interval: interval}
	return t.run(ctx, m, func() error { return m.err })
}

// run runs a model, which returns why it ended.
func (t Terminal) run(ctx context.Context, m tea.Model, failed func() error) error {
	options := []tea.ProgramOption{tea.WithContext(ctx), tea.WithInput(t.In), tea.WithOutput(t.Out), tea.WithEnvironment(t.Environ)}
	if noColor(t.Environ) {
		options = append(options, tea.WithColorProfile(colorprofile.ASCII))
	}
	_, err := tea.NewProgram(m, options...).Run()
	if err := failed(); err != nil {
		return err
	}
	if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil || errors.Is(err, tea.ErrInterrupted) {
		return nil
	}
	return err
}

// IsTerminal reports whether w is a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(f.Fd())
}

// noColor reports whether NO_COLOR is set to anything (no-color.org).
func noColor(environ []string) bool {
	const name = "NO_COLOR="
	for _, v := range environ {
		if len(v) > len(name) && v[:len(name)] == name {
			return true
		}
	}
	return false
}

// model is the state of a screen.
type model struct {
	look     func() (top.Sample, error) // never called concurrently
	interval time.Duration

	width, height int
	by            top.Key
	paused        bool
	last          *top.Sample // nil: none yet
	err           error
}

type (
	refreshMsg struct {
		look top.Sample
		err  error
	}
	tickMsg struct{}
)

func (m *model) refreshNow() tea.Msg {
	look, err := m.look()
	return refreshMsg{look, err}
}

func (m *model) Init() tea.Cmd { return m.refreshNow }

func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		return m, m.key(msg.String())
	case refreshMsg:
		if m.err = msg.err; m.err != nil {
			return m, tea.Quit
		}
		if !m.paused || m.last == nil {
			m.last = &msg.look
		}
		return m, tea.Tick(m.interval, func(time.Time) tea.Msg { return tickMsg{} })
	case tickMsg:
		return m, m.refreshNow
	}
	return m, nil
}

// key handles a key.
func (m *model) key(name string) tea.Cmd {
	switch name {
	case "q", "esc", "ctrl+c":
		return tea.Quit
	case "space":
		m.paused = !m.paused
	case "p":
		m.by = top.ByPacketRate
	case "b":
		m.by = top.ByByteRate
	case "P":
		m.by = top.ByPackets
	case "B":
		m.by = top.ByBytes
	}
	return nil
}
