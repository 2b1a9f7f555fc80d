// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// terminal holds the output of a program to a pseudo terminal.
type terminal struct {
	*os.File // the user's side

	mu  sync.Mutex
	all bytes.Buffer
}

func newTerminal(t *testing.T) (user *terminal, tty *os.File) {
	t.Helper()
	ptm, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(tty, &pty.Winsize{Cols: 100, Rows: 10}); err != nil {
		t.Fatal(err)
	}
	user = &terminal{File: ptm}
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 4096)
		for {
			n, err := ptm.Read(buf)
			user.mu.Lock()
			user.all.Write(buf[:n])
			user.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		if err := errors.Join(tty.Close(), ptm.Close()); err != nil && !errors.Is(err, fs.ErrClosed) {
			t.Error(err)
		}
		<-read
	})
	return user, tty
}

func (u *terminal) text() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.all.String()
}

// waitFor waits until the text has been written.
func (u *terminal) waitFor(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !strings.Contains(u.text(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %q in %q", text, u.text())
		}
	}
}

// TestWatchTerminal checks --watch on a terminal: colours unless NO_COLOR is set, keys, and a clean exit.
func TestWatchTerminal(t *testing.T) {
	const cyan = "\x1b[36m"
	for name, environ := range map[string][]string{
		"colours":  {"TERM=xterm-256color"},
		"NO_COLOR": {"TERM=xterm-256color", "NO_COLOR=yes"},
	} {
		t.Run(name, func(t *testing.T) {
			m := busyMemory(t)
			user, tty := newTerminal(t)
			var stderr bytes.Buffer
			e := testEnv(tty, tty, &stderr)
			m.openers(e)
			e.now, e.environ = clock(), environ
			open := e.openRead
			e.openRead = func() (table, error) { m.traffic(); return open() }
			status := make(chan int, 1)
			go func() { status <- run(t.Context(), e, []string{"eroute", "--watch", "--interval", "0.1"}) }()

			user.waitFor(t, "3049:2::/64")
			user.waitFor(t, "1.1k")
			if got := strings.Contains(user.text(), cyan); got != (name == "colours") {
				t.Errorf("colours: %v in %q", got, user.text())
			}
			if _, err := user.WriteString(" "); err != nil {
				t.Fatal(err)
			}
			user.waitFor(t, "paused")
			if _, err := user.WriteString("q"); err != nil {
				t.Fatal(err)
			}
			select {
			case got := <-status:
				if got != 0 || stderr.Len() > 0 {
					t.Errorf("status %d, stderr %q", got, stderr.String())
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("q does not quit: %q", user.text())
			}
		})
	}
}
