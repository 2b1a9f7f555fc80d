// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// bpffsPath is the conventional mount point of bpffs.
const bpffsPath = "/sys/fs/bpf"

// errNoBPFFS is returned if a path is not in a BPF file system.
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

// kept is a path to the BPF file system that KeepBPFFS has opened; "": none.
var kept string

// KeepBPFFS opens the BPF file system until the process exits, and returns the path that BPFFS returns from now
// on, even if the process loses the privilege to access other processes. It is not safe for concurrent use.
func KeepBPFFS() (string, error) {
	path, err := BPFFS(false)
	if err != nil {
		return "", err
	}
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("open %s: %w", path, err)
	}
	kept = fmt.Sprintf("/proc/self/fd/%d", fd)
	return kept, nil
}

// BPFFS returns a path to the BPF file system that outlives this command. Under "ip netns exec" a command has
// its own /sys without bpffs, so the path goes through the root of the outermost ancestor that we may access,
// normally process 1. With mount set, BPFFS mounts bpffs there on /sys/fs/bpf if it is missing.
func BPFFS(mount bool) (string, error) {
	if kept != "" {
		return kept, nil
	}
	for {
		home, err := outermost()
		if err != nil {
			return "", err
		}
		path, err := bpffsBelow(home, mount)
		if err == nil || !hasExited(home) {
			return path, err
		}
	}
}

// bpffsBelow is BPFFS through the root of the process with this /proc directory.
func bpffsBelow(home string, mount bool) (string, error) {
	path := filepath.Join(home, "root", bpffsPath)
	if err := isBPFFS(path); err == nil || !mount {
		return path, err
	}
	if err := mountBPFFS(filepath.Join(home, "ns/mnt")); err != nil {
		return "", fmt.Errorf("mount bpf on %s: %w (try: mount -t bpf bpf %s)", bpffsPath, err, bpffsPath)
	}
	return path, isBPFFS(path)
}

// mountBPFFS mounts bpffs in a mount namespace. The thread that enters it ends with its goroutine.
func mountBPFFS(namespace string) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		done <- func() error {
			ns, err := unix.Open(namespace, unix.O_RDONLY|unix.O_CLOEXEC, 0)
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
			return unix.Mount("bpf", bpffsPath, "bpf", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=0700")
		}()
	}()
	return <-done
}
