// SPDX-License-Identifier: Apache-2.0

package screen

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// RunText shows a text, read at an interval, until the context ends or the user quits. An error of the first reading ends
// it; a later one is shown above the last text.
func (t Terminal) RunText(ctx context.Context, interval time.Duration, read func() (string, error)) error {
	p := &page{read: read, interval: interval}
	return t.run(ctx, p, func() error { return p.err })
}

// page is the state of a screen that shows a text.
type page struct {
	read     func() (string, error) // never called concurrently
	interval time.Duration

	width, height int
	lines         []string // nil: none yet
	first         int      // of the lines on the screen
	at            time.Time
	failed        error // of the last reading
	err           error // that ends the page
}

type textMsg struct {
	text string
	at   time.Time
	err  error
}

func (p *page) readNow() tea.Msg {
	text, err := p.read()
	return textMsg{text, time.Now(), err}
}

func (p *page) Init() tea.Cmd { return p.readNow }

func (p *page) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		p.width, p.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		return p, p.key(msg.String())
	case textMsg:
		p.failed = msg.err
		switch {
		case msg.err == nil:
			p.lines, p.at = strings.Split(strings.TrimSuffix(msg.text, "\n"), "\n"), msg.at
		case p.lines == nil:
			p.err = msg.err
			return p, tea.Quit
		}
		return p, tea.Tick(p.interval, func(time.Time) tea.Msg { return tickMsg{} })
	case tickMsg:
		return p, p.readNow
	}
	return p, nil
}

// key handles a key.
func (p *page) key(name string) tea.Cmd {
	switch name {
	case "q", "esc", "ctrl+c":
		return tea.Quit
	case "up":
		p.first--
	case "down":
		p.first++
	case "pgup":
		p.first -= p.room()
	case "pgdown", "space":
		p.first += p.room()
	case "home":
		p.first = 0
	}
	return nil
}

// room returns the number of lines of the text on the screen: one is above, and one below.
func (p *page) room() int { return max(1, p.height-2) }

const pageHelp = "up down pgup pgdn home scroll  q quit"

func (p *page) View() tea.View {
	lines := []string{"loading ..."}
	if p.lines != nil {
		p.first = max(0, min(p.first, len(p.lines)-p.room()))
		shown := p.lines[p.first:min(len(p.lines), p.first+p.room())]
		title := fmt.Sprintf("%s  every %s", p.at.Format("15:04:05"), p.interval)
		if p.failed != nil {
			title = p.at.Format("15:04:05") + "  " + styleDrop.Render(p.failed.Error())
		}
		lines = append([]string{title}, shown...)
		for len(lines) < p.height-1 {
			lines = append(lines, "")
		}
		lines = append(lines, styleQuiet.Render(fmt.Sprintf("%d to %d of %d lines  %s", p.first+1, p.first+len(shown), len(p.lines), pageHelp)))
	}
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, p.width, "")
	}
	v := tea.NewView(strings.Join(lines, "\n"))
	v.AltScreen = true
	return v
}
