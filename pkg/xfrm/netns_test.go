// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// newNamespace moves the test's thread to a new network namespace, and returns a handle in it. It needs
// CAP_SYS_ADMIN. The thread, and so the namespace, ends with the test.
func newNamespace(t testing.TB) *Handle {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf("make network namespace (needs CAP_SYS_ADMIN): %v", err)
	}
	h, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// ip runs ip(8) in the namespace of the test's thread.
func ip(t testing.TB, command string) string {
	t.Helper()
	out, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v\n%s", command, err, out)
	}
	return string(out)
}
