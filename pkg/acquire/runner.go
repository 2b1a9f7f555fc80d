// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Bounds of --exec.
const (
	execAtOnce  = 16
	execWaiting = 1024
	execTimeout = 30 * time.Second
	execOutput  = 1024 // bytes that are logged if it fails
)

// runner runs a command for each ACQUIRE, a few at once.
type runner struct {
	command string
	log     *slog.Logger
	timeout time.Duration
	queue   chan []string // environments
	done    sync.WaitGroup
}

// newRunner starts a runner, which ends with its context; nil for an empty command.
func newRunner(ctx context.Context, command string, log *slog.Logger, timeout time.Duration) *runner {
	if command == "" {
		return nil
	}
	r := &runner{command: command, log: log, timeout: timeout, queue: make(chan []string, execWaiting)}
	for range execAtOnce {
		r.done.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case env := <-r.queue:
					r.run(ctx, env)
				}
			}
		})
	}
	return r
}

// start has the command run for an ACQUIRE, now or soon. Returns false if too many wait.
func (r *runner) start(a xfrm.Acquire, device string) bool {
	select {
	case r.queue <- environment(a, device):
		return true
	default:
		return false
	}
}

// run runs the command, and kills it and what it has started when its time is up.
func (r *runner) run(ctx context.Context, env []string) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	output := &head{room: execOutput}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", r.command)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if cmd.Process != nil { // what it has left in the background
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	if err != nil {
		r.log.Error("--exec", "command", r.command, "error", err, "output", output.kept.String())
	}
}

// head keeps the beginning of what is written to it.
type head struct {
	kept bytes.Buffer
	room int
}

func (h *head) Write(b []byte) (int, error) {
	n := min(len(b), h.room)
	h.room -= n
	_, _ = h.kept.Write(b[:n])
	return len(b), nil
}

// wait returns when all commands have ended; the context must have.
func (r *runner) wait() {
	if r != nil {
		r.done.Wait()
	}
}

// environment is what the command learns of the flow.
func environment(a xfrm.Acquire, device string) []string {
	peer := ""
	if a.Ask.Peer.IsValid() {
		peer = a.Ask.Peer.String()
	}
	return []string{
		"EROUTE_FAMILY=" + eroute.FamilyOf(a.Flow.Src.Addr()).String(),
		"EROUTE_SRC=" + a.Flow.Src.String(),
		"EROUTE_DST=" + a.Flow.Dst.String(),
		fmt.Sprintf("EROUTE_PROTO=%d", a.Flow.Proto),
		fmt.Sprintf("EROUTE_SRC_PORT=%d", a.Flow.SrcPort),
		fmt.Sprintf("EROUTE_DST_PORT=%d", a.Flow.DstPort),
		"EROUTE_TRAP_SRC=" + a.Policy.Src.String(),
		"EROUTE_TRAP_DST=" + a.Policy.Dst.String(),
		"EROUTE_DEVICE=" + device,
		"EROUTE_PEER=" + peer,
		fmt.Sprintf("EROUTE_REQID=%d", a.Ask.ReqID),
	}
}
