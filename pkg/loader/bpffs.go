// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// Where bpffs is mounted by convention. Commands run under "ip netns exec" have a
// fresh /sys without it, so it is reached through the root of process 1.
const (
	bpffsInit  = "/proc/1/root/sys/fs/bpf"
	bpffsLocal = "/sys/fs/bpf"
)

// errNoBPFFS says that no BPF file system is mounted at a path.
var errNoBPFFS = errors.New("not a BPF file system")

func isBPFFS(path string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return fmt.Errorf("statfs %s: %w", path, err)
	}
	if st.Type != unix.BPF_FS_MAGIC {
		return fmt.Errorf("%s: %w", path, errNoBPFFS)
	}
	return nil
}

// BPFFS returns a path to the BPF file system that outlives this command, mounting
// it on /sys/fs/bpf of process 1's mount namespace if mount is set and nothing is there.
// Where process 1 may not be looked at (a container without CAP_SYS_PTRACE) it is
// the caller's own /sys/fs/bpf.
func BPFFS(mount bool) (string, error) {
	err := isBPFFS(bpffsInit)
	if err == nil {
		return bpffsInit, nil
	}
	if isBPFFS(bpffsLocal) == nil {
		return bpffsLocal, nil
	}
	if !mount {
		return "", err
	}
	if err := mountBPFFS(); err != nil {
		return "", fmt.Errorf("mount bpf on /sys/fs/bpf: %w (try: mount -t bpf bpf /sys/fs/bpf)", err)
	}
	return bpffsInit, isBPFFS(bpffsInit)
}

// mountBPFFS mounts bpffs in the mount namespace of process 1. The thread that has
// moved there is given up with its goroutine.
func mountBPFFS() error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		done <- func() error {
			ns, err := unix.Open("/proc/1/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer func() { _ = unix.Close(ns) }()
			if err := unix.Unshare(unix.CLONE_FS); err != nil {
				return err
			}
			if err := unix.Setns(ns, unix.CLONE_NEWNS); err != nil {
				return err
			}
			return unix.Mount("bpf", bpffsLocal, "bpf", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=0700")
		}()
	}()
	return <-done
}
