// SPDX-License-Identifier: Apache-2.0

// Package sandbox runs a program in namespaces of its own, which leave nothing behind: mounts, interfaces, tables and
// processes end with the first process of the PID namespace. It requires root.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// variable is set in the environment of a program in a sandbox.
const variable = "EROUTE_SANDBOX"

// Inside reports whether this process is the first one of a sandbox.
func Inside() bool { return os.Getpid() == 1 && os.Getenv(variable) != "" }

// Run runs this program in a sandbox, with arguments and more environment variables, and returns when it has ended. It
// ends with this process, however that happens. prepare sets the streams of the command.
func Run(ctx context.Context, args, env []string, prepare func(*exec.Cmd)) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root: it makes network namespaces and loads kernel programs")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	runtime.LockOSThread() // Pdeathsig is sent when the thread ends
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(append(os.Environ(), variable+"=1"), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET, Pdeathsig: unix.SIGKILL,
	}
	prepare(cmd)
	return cmd.Run()
}

// SetUp makes the mounts private, and mounts /proc, an empty /run and an empty BPF file system. The program in the sandbox
// calls it first.
func SetUp() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	for _, m := range []struct{ kind, path string }{{"proc", "/proc"}, {"tmpfs", "/run"}, {"bpf", "/sys/fs/bpf"}} {
		if err := unix.Mount(m.kind, m.path, m.kind, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
			return fmt.Errorf("mount %s on %s: %w", m.kind, m.path, err)
		}
	}
	return nil
}
