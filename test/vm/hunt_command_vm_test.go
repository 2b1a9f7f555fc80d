// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// copyCommand copies bin/ipsec into memory: pages of the shared file system are read one by one.
func copyCommand(t *testing.T) string {
	t.Helper()
	binary, err := os.ReadFile(testenv.Prebuilt(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("/run", fmt.Sprintf("ipsec-%d", time.Now().UnixNano()))
	if err := os.WriteFile(path, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(path) })
	return path
}

// group is a control group.
type group struct{ dir string }

// newGroup creates a group whose memory can be limited.
func newGroup(t *testing.T) *group {
	t.Helper()
	const root = "/run/cgroup"
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(root + "/cgroup.procs"); err != nil {
		if err := unix.Mount("none", root, "cgroup2", 0, ""); err != nil {
			t.Fatal(err)
		}
	}
	g := &group{filepath.Join(root, "hunt")}
	err := errors.Join(os.WriteFile(root+"/cgroup.subtree_control", []byte("+memory"), 0), os.MkdirAll(g.dir, 0o755))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// limit prevents the group from allocating memory; it keeps what it has. unlimit ends that.
func (g *group) limit() error {
	return os.WriteFile(filepath.Join(g.dir, "memory.max"), []byte("0"), 0)
}

func (g *group) unlimit() error {
	return os.WriteFile(filepath.Join(g.dir, "memory.max"), []byte("max"), 0)
}

// start starts the ipsec command on East, in the group if there is one.
func (h *hunt) start(args string, stderr *bytes.Buffer, g *group) (*exec.Cmd, error) {
	cmd := h.East.Command(context.Background(), h.ipsec, strings.Fields(args)...)
	cmd.Stderr = stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if g != nil {
		dir, err := os.Open(g.dir)
		if err != nil {
			return nil, err
		}
		defer func() { _ = dir.Close() }()
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(dir.Fd())
	}
	return cmd, cmd.Start()
}

// command runs the ipsec command on East.
func (h *hunt) command(args string) error {
	return h.commandIn(args, nil)
}

func (h *hunt) commandIn(args string, g *group) error {
	var stderr bytes.Buffer
	cmd, err := h.start(args, &stderr, g)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("ipsec %s: %w: %s", args, err, &stderr)
	}
	return nil
}

// killed runs the ipsec command and kills it after a time, unless it has ended by then. When it returns no
// packet in flight has seen the command's changes.
func (h *hunt) killed(args string, after time.Duration) error {
	var stderr bytes.Buffer
	cmd, err := h.start(args, &stderr, nil)
	if err != nil {
		return err
	}
	kill := time.AfterFunc(after, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	err = cmd.Wait()
	kill.Stop()
	const membarrierGlobal = 1
	if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, membarrierGlobal, 0, 0); errno != 0 {
		return errno
	}
	return err
}

const attachCommand = "tncfg --attach --virtual ipsec0 --physical wan --ingress lan"

// routes routes both families into ipsec0, if the routes do not exist.
func (h *hunt) routes() error {
	var errs []error
	if !h.routed {
		return nil
	}
	for _, args := range []string{"-4 route replace " + lab.WestLAN4.String(), "-6 route replace " + lab.WestLAN6.String()} {
		_, err := h.East.IP(context.Background(), strings.Fields(args+" dev ipsec0 metric 100")...)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// removeAll removes device and table.
func (h *hunt) removeAll(t *testing.T) {
	t.Helper()
	if err := errors.Join(h.group.unlimit(), h.command("tncfg --clear")); err != nil {
		t.Error(err)
	}
	h.write(t, func(table *maps.Table) error {
		return errors.Join(table.Apply(context.Background(), nil), table.Dir().Remove())
	})
}
