// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/ipsec-eroute/eroute/pkg/busy"
)

// screen runs --watch on a terminal.
func (w *watch) screen() error {
	m := &watchModel{look: func() (busy.Look, error) { return w.look(watchRows) }, interval: w.interval}
	options := []tea.ProgramOption{
		tea.WithContext(w.ctx), tea.WithInput(w.env.stdin), tea.WithOutput(w.env.stdout), tea.WithEnvironment(w.env.environ),
	}
	if noColor(w.env.environ) {
		options = append(options, tea.WithColorProfile(colorprofile.ASCII))
	}
	_, err := tea.NewProgram(m, options...).Run()
	if m.err != nil {
		return m.err
	}
	if errors.Is(err, tea.ErrProgramKilled) && w.ctx.Err() != nil || errors.Is(err, tea.ErrInterrupted) {
		return nil
	}
	return err
}

// noColor tells whether NO_COLOR is set to anything (no-color.org).
func noColor(environ []string) bool {
	const name = "NO_COLOR="
	for _, v := range environ {
		if len(v) > len(name) && v[:len(name)] == name {
			return true
		}
	}
	return false
}

// watchModel is what --watch shows on a terminal.
type watchModel struct {
	look     func() (busy.Look, error) // not called while it runs
	interval time.Duration

	width, height int
	by            busy.Key
	paused        bool
	last          *busy.Look // nil: there was none yet
	err           error
}

type (
	lookMsg struct {
		look busy.Look
		err  error
	}
	tickMsg struct{}
)

func (m *watchModel) lookNow() tea.Msg {
	look, err := m.look()
	return lookMsg{look, err}
}

func (m *watchModel) Init() tea.Cmd { return m.lookNow }

func (m *watchModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		return m, m.key(msg.String())
	case lookMsg:
		if m.err = msg.err; m.err != nil {
			return m, tea.Quit
		}
		if !m.paused || m.last == nil {
			m.last = &msg.look
		}
		return m, tea.Tick(m.interval, func(time.Time) tea.Msg { return tickMsg{} })
	case tickMsg:
		return m, m.lookNow
	}
	return m, nil
}

// key does what a key asks for.
func (m *watchModel) key(name string) tea.Cmd {
	switch name {
	case "q", "esc", "ctrl+c":
		return tea.Quit
	case "space":
		m.paused = !m.paused
	case "p":
		m.by = busy.ByPacketRate
	case "b":
		m.by = busy.ByByteRate
	case "P":
		m.by = busy.ByPackets
	case "B":
		m.by = busy.ByBytes
	}
	return nil
}
