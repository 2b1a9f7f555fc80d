// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/ipsec-eroute/eroute/internal/testenv"
)

// On a terminal the status is refreshed while gateways change, until q is pressed.
func TestStatusWatch(t *testing.T) {
	f := newFleet(t)
	g := f.local("gw", "ring", nodes.East, "")
	f.want(g, "unassigned", "")
	cmd := exec.Command(testenv.Fleet(t), "status", "--watch", "--config", f.config)
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 100, Rows: 12})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tty.Close() }()
	screen := &output{}
	go func() { _, _ = io.Copy(screen, tty) }()
	shows := func(text string) {
		t.Helper()
		eventually(t, func() bool { return strings.Contains(screen.String(), text) }, func() string { return text + " is not in " + screen.String() })
	}
	shows("gw       ring  unassigned")
	f.run("rollout " + f.publish(sites) + " --rings ring")
	shows("confirmed")
	shows("1 of 1")
	if _, err := tty.WriteString("q"); err != nil {
		t.Error(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("%v: %s", err, screen)
		}
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		t.Errorf("does not end: %s", screen)
	}
}
