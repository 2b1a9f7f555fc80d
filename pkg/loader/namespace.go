// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// The kernel does not unpin a network namespace's objects in bpffs when the namespace is deleted. Since Linux
// 6.18 a namespace has a file handle, which becomes stale on deletion; each pin directory has an empty
// directory named after the handle. On older kernels such pins stay until reboot.

const handlePrefix = "namespace-"

// threadNetns is the calling thread's network namespace.
const threadNetns = "/proc/thread-self/ns/net"

// markNamespace records in a pin directory the handle of its namespace, if the kernel supports handles.
func markNamespace(path string) error {
	handle, _, err := unix.NameToHandleAt(unix.AT_FDCWD, threadNetns, unix.AT_SYMLINK_FOLLOW)
	if err != nil {
		return nil // before Linux 6.18
	}
	name := fmt.Sprintf("%s%d-%x", handlePrefix, handle.Type(), handle.Bytes())
	if err := os.Mkdir(filepath.Join(path, name), 0o700); err != nil {
		return fmt.Errorf("mark pin directory: %w", err)
	}
	return nil
}

// markedHandle returns the file handle of a pin directory's namespace.
func markedHandle(path string) (unix.FileHandle, bool) {
	marks, err := filepath.Glob(filepath.Join(path, handlePrefix+"*"))
	if err != nil || len(marks) != 1 {
		return unix.FileHandle{}, false
	}
	number, text, _ := strings.Cut(strings.TrimPrefix(filepath.Base(marks[0]), handlePrefix), "-")
	kind, err := strconv.ParseInt(number, 10, 32)
	bytes, decodeErr := hex.DecodeString(text)
	if err != nil || decodeErr != nil {
		return unix.FileHandle{}, false
	}
	return unix.NewFileHandle(int32(kind), bytes), true
}

// removeGone removes the pin directories below root, of any layout, whose network namespaces are certainly
// deleted.
func removeGone(root string) error {
	if !seesAll() {
		return nil
	}
	here, err := os.Open(threadNetns)
	if err != nil {
		return fmt.Errorf("open network namespace: %w", err)
	}
	defer func() { _ = here.Close() }()
	dirs, err := filepath.Glob(filepath.Join(root, "ipsec", "v*", "*"))
	errs := []error{err}
	for _, dir := range dirs {
		handle, ok := markedHandle(dir)
		if !ok || !isStale(here, handle) || hasLive(dir) {
			continue
		}
		errs = append(errs, os.RemoveAll(dir))
	}
	return errors.Join(errs...)
}

// isStale reports whether no namespace has this handle, or none that we may see: the kernel returns ESTALE in
// both cases (open_by_handle_at(2)).
func isStale(here *os.File, handle unix.FileHandle) bool {
	fd, err := unix.OpenByHandleAt(int(here.Fd()), handle, unix.O_RDONLY|unix.O_CLOEXEC)
	if err == nil {
		_ = unix.Close(fd)
	}
	return errors.Is(err, unix.ESTALE)
}

// seesAll reports whether we may see every namespace, which takes CAP_SYS_ADMIN in the initial user namespace.
func seesAll() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil || data[0].Effective&(1<<unix.CAP_SYS_ADMIN) == 0 {
		return false
	}
	const initial = 0xeffffffd // PROC_USER_INIT_INO (include/linux/proc_ns.h)
	var st unix.Stat_t
	return unix.Stat("/proc/self/ns/user", &st) == nil && st.Ino == initial
}

// hasLive reports whether a link pinned below a directory is, or may be, on an interface. A namespace that is
// held only by sockets has no handle, but still has its interfaces.
func hasLive(dir string) bool {
	pins, err := filepath.Glob(filepath.Join(dir, "links", "*", "*"))
	if err != nil {
		return true
	}
	return slices.ContainsFunc(pins, func(pin string) bool {
		l, err := link.LoadPinnedLink(pin, nil)
		if err != nil {
			return true
		}
		defer func() { _ = l.Close() }()
		info, err := l.Info()
		if err != nil {
			return true
		}
		if tcx := info.TCX(); tcx != nil {
			return tcx.Ifindex != 0
		}
		if xdp := info.XDP(); xdp != nil {
			return xdp.Ifindex != 0
		}
		return false // on a function, not on an interface
	})
}
