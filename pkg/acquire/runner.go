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

// Limits of --exec.
const (
	execAtOnce  = 16
	execWaiting = 1024
	execTimeout = 30 * time.Second
	execOutput  = 1024 // bytes of output that are logged on failure
)

// runner runs a command for each ACQUIRE, up to execAtOnce of them concurrently.
type runner struct {
	command string
	log     *slog.Logger
	timeout time.Duration
	queue   chan []string // environments
	done    sync.WaitGroup
}

// newRunner starts a runner, which ends with its context. It returns nil for an empty command.
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

// start queues the command for an ACQUIRE. It returns false if the queue is full.
func (r *runner) start(a xfrm.Acquire, device string) bool {
	select {
	case r.queue <- environment(a, device):
		return true
	default:
		return false
	}
}

// run runs the command. On timeout it kills the command and its child processes.
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
	if cmd.Process != nil { // background processes that it has left
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	if err != nil {
		r.log.Error("--exec", "command", r.command, "error", err, "output", output.stored.String())
	}
}

// head stores the beginning of what is written to it.
type head struct {
	stored bytes.Buffer
	room   int
}

func (h *head) Write(b []byte) (int, error) {
	n := min(len(b), h.room)
	h.room -= n
	_, _ = h.stored.Write(b[:n])
	return len(b), nil
}

// wait returns when all commands have ended. Cancel the context first.
func (r *runner) wait() {
	if r != nil {
		r.done.Wait()
	}
}

// environment returns the environment variables that describe the flow to the command.
func environment(a xfrm.Acquire, device string) []string {
	peer, cpu := "", ""
	if a.Params.Peer.IsValid() {
		peer = a.Params.Peer.String()
	}
	if a.OneCPU {
		cpu = fmt.Sprint(a.CPU)
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
		fmt.Sprintf("EROUTE_REQID=%d", a.Params.ReqID),
		"EROUTE_CPU=" + cpu,
	}
}
