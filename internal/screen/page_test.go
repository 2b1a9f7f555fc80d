// SPDX-License-Identifier: Apache-2.0

package screen

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// A page shows a part of a text, which can be scrolled but not past its ends, and the last text if it cannot be read.
func TestPage(t *testing.T) {
	text, failed := "", error(nil)
	for i := range 9 {
		text += fmt.Sprintf("line %d\n", i+1)
	}
	p := &page{interval: time.Second, read: func() (string, error) { return text, failed }}
	see := func() tea.Msg {
		t.Helper()
		_, next := p.Update(p.readNow())
		if next == nil {
			t.Fatal("nothing follows")
		}
		return next
	}
	check := func(want ...string) {
		t.Helper()
		lines := strings.Split(ansi.Strip(p.View().Content), "\n")
		if got := strings.Join(lines[1:], "|"); got != strings.Join(want, "|") {
			t.Errorf("%q, want %q", got, want)
		}
	}
	p.Update(tea.WindowSizeMsg{Width: 80, Height: 6})
	if got := ansi.Strip(p.View().Content); got != "loading ..." {
		t.Errorf("%q", got)
	}
	see()
	check("line 1", "line 2", "line 3", "line 4", "1 to 4 of 9 lines  "+pageHelp)
	for _, key := range []rune{tea.KeyUp, tea.KeyDown} {
		p.Update(tea.KeyPressMsg{Code: key})
		p.View()
	}
	check("line 2", "line 3", "line 4", "line 5", "2 to 5 of 9 lines  "+pageHelp)
	p.Update(tea.KeyPressMsg{Code: tea.KeyPgDown})
	p.Update(tea.KeyPressMsg{Code: tea.KeyPgDown})
	check("line 6", "line 7", "line 8", "line 9", "6 to 9 of 9 lines  "+pageHelp)
	text = "short\n"
	see()
	check("short", "", "", "", "1 to 1 of 1 lines  "+pageHelp)

	failed = errors.New("broken")
	see()
	if got := ansi.Strip(p.View().Content); !strings.Contains(got, "  broken\nshort\n") || p.err != nil {
		t.Errorf("%q, %v", got, p.err)
	}
	for _, key := range []string{"q", "esc", "ctrl+c"} {
		if quit := p.key(key); quit == nil || quit() != (tea.QuitMsg{}) {
			t.Errorf("%s does not quit", key)
		}
	}
	p = &page{read: p.read}
	if _, quit := p.Update(p.readNow()); quit == nil || !errors.Is(p.err, failed) {
		t.Errorf("the screen does not end with the first error: %v", p.err)
	}
}
