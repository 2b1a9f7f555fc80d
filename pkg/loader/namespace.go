// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The kernel does not unpin what a network namespace leaves in bpffs when it goes. Since
// Linux 6.18 a namespace has a file handle, which is stale when it has gone; a pin directory
// has an empty directory that is named after it. Older kernels keep such pins until reboot.

const handlePrefix = "namespace-"

// threadNetns is the calling thread's network namespace.
const threadNetns = "/proc/thread-self/ns/net"

// markNamespace notes in a pin directory which namespace it is of, where the kernel can
// tell later whether it is still there.
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

// markedHandle returns the file handle of the namespace that a pin directory is of.
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

// removeGone removes the pin directories below root, of any layout, whose network
// namespaces have gone for certain.
func removeGone(root string) error {
	here, err := os.Open(threadNetns)
	if err != nil {
		return fmt.Errorf("open network namespace: %w", err)
	}
	defer func() { _ = here.Close() }()
	stale := func(handle unix.FileHandle) bool {
		fd, err := unix.OpenByHandleAt(int(here.Fd()), handle, unix.O_RDONLY|unix.O_CLOEXEC)
		if err == nil {
			_ = unix.Close(fd)
		}
		return errors.Is(err, unix.ESTALE)
	}
	own, _, err := unix.NameToHandleAt(unix.AT_FDCWD, threadNetns, unix.AT_SYMLINK_FOLLOW)
	if err != nil || stale(own) {
		return nil // this kernel cannot tell
	}
	dirs, err := filepath.Glob(filepath.Join(root, "ipsec", "v*", "*"))
	errs := []error{err}
	for _, dir := range dirs {
		if handle, ok := markedHandle(dir); ok && stale(handle) {
			errs = append(errs, os.RemoveAll(dir))
		}
	}
	return errors.Join(errs...)
}
