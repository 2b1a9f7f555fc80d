// SPDX-License-Identifier: Apache-2.0

package screen

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/top"
)

// Styles of the screen. Colours that a terminal does not support are omitted.
var (
	styleTitle  = lipgloss.NewStyle().Bold(true)
	styleColumn = lipgloss.NewStyle().Foreground(lipgloss.Cyan)
	styleSorted = styleColumn.Bold(true).Reverse(true)
	styleBusy   = lipgloss.NewStyle().Bold(true)
	styleQuiet  = lipgloss.NewStyle().Faint(true)
	styleDrop   = lipgloss.NewStyle().Foreground(lipgloss.Red)
	styleHold   = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	styleClear  = lipgloss.NewStyle().Foreground(lipgloss.Green)
)

// frameLines is the number of lines of the screen without eroutes: two above, one below.
const frameLines = 3

var columns = [...]struct {
	key   top.Key
	title string
	width int
}{{top.ByPacketRate, "packets/s", 10}, {top.ByByteRate, "bytes/s", 10}, {top.ByPackets, "packets", 14}, {top.ByBytes, "bytes", 18}}

const keysHelp = "sort by: p packets/s  b bytes/s  P packets  B bytes    space pause  q quit"

func (m *model) View() tea.View {
	var lines []string
	if m.last == nil {
		lines = []string{"loading ..."}
	} else {
		lines = append(lines, m.titleLine(), m.columnLine())
		rows := m.last.By(m.by)
		for i := range rows[:min(len(rows), max(0, m.height-frameLines))] {
			lines = append(lines, rowLine(&rows[i]))
		}
		for len(lines) < m.height-1 {
			lines = append(lines, "")
		}
		lines = append(lines, styleQuiet.Render(keysHelp))
	}
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, m.width, "")
	}
	v := tea.NewView(strings.Join(lines, "\n"))
	v.AltScreen = true
	return v
}

func (m *model) titleLine() string {
	text := fmt.Sprintf("%d eroutes  %s packets/s  %s bytes/s  ", m.last.Count, short(m.last.PacketRate), short(m.last.ByteRate))
	state := fmt.Sprintf("every %s", m.interval)
	if m.paused {
		state = "paused"
	}
	return styleTitle.Render(text) + m.last.Time.Format("15:04:05") + "  " + state
}

func (m *model) columnLine() string {
	var line strings.Builder
	for _, c := range columns {
		style := styleColumn
		if c.key == m.by {
			style = styleSorted
		}
		line.WriteString(strings.Repeat(" ", c.width-len(c.title)) + style.Render(c.title))
	}
	return line.String() + "  " + styleColumn.Render("eroute")
}

func rowLine(r *top.Row) string {
	style := styleQuiet
	if r.PacketRate > 0 {
		style = styleBusy
	}
	numbers := fmt.Sprintf("%10s%10s%14d%18d  ", short(r.PacketRate), short(r.ByteRate), r.Packets, r.Bytes)
	selector, said, _ := strings.Cut(r.Rule(), " => ")
	return style.Render(numbers) + selector + " => " + saidStyle(r.SAID.Action()).Render(said)
}

func saidStyle(a eroute.Action) lipgloss.Style {
	switch a {
	case eroute.ActionSA:
		return styleClear
	case eroute.ActionDrop, eroute.ActionReject:
		return styleDrop
	case eroute.ActionHold, eroute.ActionTrap, eroute.ActionTrapSubnet:
		return styleHold
	}
	return lipgloss.NewStyle()
}

// short formats a rate in at most six characters.
func short(n float64) string {
	for _, unit := range []string{"", "k", "M", "G", "T"} {
		switch {
		case unit == "" && n < 10 && n > 0:
			return fmt.Sprintf("%.1f", n)
		case unit == "" && n < 1000:
			return fmt.Sprintf("%.0f", n)
		case n < 1000:
			return fmt.Sprintf("%.1f%s", n, unit)
		}
		n /= 1000
	}
	return fmt.Sprintf("%.0fP", n)
}
