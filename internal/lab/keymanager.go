// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/ipsec-eroute/eroute/internal/vm"
)

// KeyManager is a daemon that negotiates SAs with its peer on the other gateway.
type KeyManager interface {
	// Start runs it until Stop, and returns once it has loaded its connection.
	Start(ctx context.Context) error
	// Rekey replaces the current SA by a new one.
	Rekey(ctx context.Context) error
	// Terminate ends the connection and its SAs; a trap remains.
	Terminate(ctx context.Context) error
	// Stop ends it, with its SAs and policies; a second Stop does nothing.
	Stop() error
	// Log returns its output; call it after Stop.
	Log() string
}

// daemon is a key manager's process: the files unpacked by scripts/setup.sh are an overlay over /usr for it
// alone, and it has its own /run and directory.
type daemon struct {
	node *Node
	root string // the unpacked files
	dir  string
	env  []string // added to the environment
	cmd  *exec.Cmd

	log    bytes.Buffer
	exited chan struct{}
}

// prepare creates the directory with these files.
func (d *daemon) prepare(node *Node, name string, files map[string]string) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return fmt.Errorf("prepare %s: %w", name, err)
	}
	d.node, d.root = node, filepath.Join(cache, "ipsec-eroute", name)
	if suite := os.Getenv(vm.NewestVariable); suite != "" {
		d.root += "-" + suite
	}
	if d.dir, err = os.MkdirTemp("", name+"-"); err != nil {
		return fmt.Errorf("prepare %s: %w", name, err)
	}
	for file, text := range files {
		if err := os.WriteFile(filepath.Join(d.dir, file), []byte(text), 0o600); err != nil {
			return errors.Join(fmt.Errorf("prepare %s: %w", name, err), d.Stop())
		}
	}
	return nil
}

// run starts a shell script that ends in exec of the daemon, and waits until ready
// returns no error.
func (d *daemon) run(ctx context.Context, script string, ready func() error) error {
	// ip netns exec has created a mount namespace.
	script = `mount -t overlay -o lowerdir="$1/usr:/usr" overlay /usr && mount -t tmpfs tmpfs /run && ` + script
	d.cmd = d.node.Command(context.Background(), "sh", "-c", script, "sh", d.root, d.dir)
	d.cmd.Env = append(os.Environ(), d.env...)
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	d.cmd.WaitDelay = time.Second
	if err := d.cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("start key manager: %w", err), d.Stop())
	}
	d.exited = make(chan struct{})
	go func() { _ = d.cmd.Wait(); close(d.exited) }()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-d.exited:
			return errors.Join(fmt.Errorf("key manager on %s has ended:\n%s", d.node.Name, d.log.String()), d.Stop())
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("start key manager on %s: %w", d.node.Name, err), d.Stop())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// control runs a program with the daemon's files and network, and returns its output.
func (d *daemon) control(ctx context.Context, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"-t", strconv.Itoa(d.cmd.Process.Pid), "-m", "-n"}, argv...)...)
	cmd.Env = append(os.Environ(), d.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s on %s: %w: %s", strings.Join(argv, " "), d.node.Name, err, out)
	}
	return string(out), nil
}

// Log returns the daemon's output so far; call it after Stop.
func (d *daemon) Log() string { return d.log.String() }

// Kill ends the daemon by a signal: its SAs and policies remain.
func (d *daemon) Kill(signal syscall.Signal) error {
	if err := d.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("kill key manager on %s: %w", d.node.Name, err)
	}
	<-d.exited
	return nil
}

// Stop ends the daemon, which removes its SAs and policies; a second Stop does nothing.
func (d *daemon) Stop() error {
	if d.dir == "" {
		return nil
	}
	if d.exited != nil {
		_ = d.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-d.exited:
		case <-time.After(20 * time.Second):
			_ = d.cmd.Process.Kill()
			<-d.exited
		}
	}
	dir := d.dir
	d.dir = ""
	return os.RemoveAll(dir)
}
