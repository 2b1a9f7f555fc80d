// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Health is what a gateway must have with a new table.
type Health struct {
	Within   time.Duration // time after which the agent goes back
	Command  []string      // exits with 0 if the gateway is healthy; none: not used
	MaxDrops *uint64       // packets that may drop because of a failure, such as a missing SA; nil: any number
}

// The health is good if no check fails for a tenth of the time. Each check opens a connection to the store, and the
// gateways of a ring make theirs at the same time: there are three or four in that tenth, and two at least.
const (
	minCheckInterval = 300 * time.Millisecond
	settlePart       = 10
	checkPart        = 3 * settlePart
	minChecks        = 2
)

// await waits until the health is good. If it is not within the time it returns the reason.
func (a *Agent) await(ctx context.Context, before Stats) error {
	ctx, cancel := context.WithTimeout(ctx, a.Health.Within)
	defer cancel()
	every := time.NewTicker(max(minCheckInterval, a.Health.Within/checkPart))
	defer every.Stop()
	reason := errors.New("too few checks have ended")
	checked := false
	for good, checks := time.Now(), 0; ; {
		err := a.checkHealth(ctx, before)
		checks++
		if err == nil && checks >= minChecks && time.Since(good) >= a.Health.Within/settlePart {
			return nil
		}
		if err != nil {
			good, checks = time.Now(), 0
			if ctx.Err() == nil || !checked { // else the check was interrupted
				reason, checked = err, true
			}
		}
		select {
		case <-every.C:
			continue
		case <-ctx.Done():
		}
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return errors.New("the agent was stopped before the revision was confirmed")
		}
		return fmt.Errorf("health not good within %v: %w", a.Health.Within, reason)
	}
}

// checkHealth checks the health once.
func (a *Agent) checkHealth(ctx context.Context, before Stats) error {
	now, err := a.Table.Stats(ctx)
	if err != nil {
		return err
	}
	if now.SAsMissing > before.SAsMissing {
		return fmt.Errorf("%d SAs are missing, %d before", now.SAsMissing, before.SAsMissing)
	}
	if max := a.Health.MaxDrops; max != nil && now.Failed > before.Failed+*max {
		return fmt.Errorf("%d packets have dropped because of a failure, %d are permitted", now.Failed-before.Failed, *max)
	}
	if err := a.checkStore(ctx); err != nil {
		return err
	}
	if len(a.Health.Command) > 0 {
		return runHealth(ctx, a.Health.Command)
	}
	return nil
}

// commandDelay is the time for the output of a health command that has ended: another process can have it open.
const commandDelay = time.Second

// runHealth runs the health command. When the context ends it kills the command and its child processes: the agent
// must not wait for them before it goes back.
func runHealth(ctx context.Context, command []string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = commandDelay
	out, err := cmd.CombinedOutput()
	if cmd.Process != nil { // background processes that it has left
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	if err != nil {
		return fmt.Errorf("health command: %w: %s", err, firstLine(out))
	}
	return nil
}

// checkStore checks that the store can be reached through the table, on a new connection.
func (a *Agent) checkStore(ctx context.Context) error {
	s, err := a.Open()
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	return s.Reach(ctx, a.Gateway.Ring, a.Health.Within/3)
}

func firstLine(out []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}
