// SPDX-License-Identifier: Apache-2.0

package loader_test

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// makeAndLeave creates a pin directory in a new network namespace and returns its path. The namespace is
// deleted when keep is closed, as nothing else uses it.
func makeAndLeave(t *testing.T, keep <-chan struct{}) string {
	t.Helper()
	path := make(chan string)
	go func() {
		defer close(path)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		ns, err := netns.New()
		if err != nil {
			t.Error(err)
			return
		}
		_ = ns.Close()
		dir, err := loader.OpenExclusive(pin)
		if err != nil {
			t.Error(err)
			return
		}
		_ = dir.Close()
		path <- dir.Path()
		<-keep
	}()
	p, ok := <-path
	if !ok {
		t.FailNow()
	}
	t.Cleanup(func() { _ = os.RemoveAll(p) })
	return p
}

// TestNamespaceGone checks that creating a table removes the pins of a deleted network namespace, if the kernel
// can report the deletion, and never those of an existing one.
func TestNamespaceGone(t *testing.T) {
	enterNetns(t)
	_, _, err := unix.NameToHandleAt(unix.AT_FDCWD, "/proc/thread-self/ns/net", unix.AT_SYMLINK_FOLLOW)
	tells := err == nil
	t.Logf("the kernel tells which namespaces have gone: %v (%v)", tells, err)

	keep, leave := make(chan struct{}), make(chan struct{})
	defer close(keep)
	there, gone := makeAndLeave(t, keep), makeAndLeave(t, leave)
	close(leave)
	exists := func(path string) bool {
		_, err := os.Stat(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return err == nil
	}
	// The kernel deletes a namespace asynchronously.
	for deadline := time.Now().Add(time.Minute); exists(gone) == tells && time.Now().Before(deadline); {
		dir, err := loader.OpenExclusive(pin)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(dir.Remove(), dir.Close()); err != nil {
			t.Fatal(err)
		}
		if !tells {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if exists(gone) == tells {
		t.Errorf("what the namespace that has gone has left is there: %v, want %v", exists(gone), !tells)
	}
	if !exists(there) {
		t.Error("a namespace that is there has lost its pins")
	}
}

// TestNamespaceNotSeen checks that a process that may not see other namespaces does not treat them as deleted:
// the kernel returns the same error for both.
func TestNamespaceNotSeen(t *testing.T) {
	keep := make(chan struct{})
	defer close(keep)
	there := makeAndLeave(t, keep)
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread without the capability ends with the goroutine
		ns, err := netns.New()
		if err != nil {
			done <- err
			return
		}
		_ = ns.Close()
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		if err := unix.Capget(&header, &data[0]); err != nil {
			done <- err
			return
		}
		data[0].Effective &^= 1 << unix.CAP_SYS_ADMIN
		if err := unix.Capset(&header, &data[0]); err != nil {
			done <- err
			return
		}
		dir, err := loader.OpenExclusive(pin)
		if err == nil {
			err = errors.Join(dir.Remove(), dir.Close())
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(there); err != nil {
		t.Errorf("a namespace that is there has lost its pins: %v", err)
	}
}
